// Every token of every sample: the scope that VS Code's engine gives it, against our own lexer.
//   node test/grammar.mjs   (python3 with opvasm: PYTHON, default ../../.venv/bin/python)
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(import.meta.url);
const oniguruma = require("vscode-oniguruma");
const textmate = require("vscode-textmate");
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..", "..");
const venv = join(root, ".venv", "bin", "python");
const python = process.env.PYTHON ?? (existsSync(venv) ? venv : "python3");

const wasm = readFileSync(join(dirname(require.resolve("vscode-oniguruma")), "onig.wasm"));
await oniguruma.loadWASM(wasm.buffer);
const registry = new textmate.Registry({
  onigLib: Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }),
  loadGrammar: async () => {
    const path = join(here, "..", "syntaxes", "opv.tmLanguage.json");
    return textmate.parseRawGrammar(readFileSync(path, "utf8"), path);
  },
});
const grammar = await registry.loadGrammar("source.opv");

const wanted = {
  comment: (scope) => scope.startsWith("comment."),
  string: (scope) => scope.startsWith("string.") || scope.startsWith("constant.character.escape"),
  number: (scope) => scope.startsWith("constant.numeric."),
  op: (scope) => scope.startsWith("support.function.op.") || scope.startsWith("storage.type."),
  declaration: (scope) => scope.startsWith("keyword.declaration."),
  word: (scope) => !/^(comment|string|constant\.numeric|keyword\.operator)\./.test(scope),
};

// Texts that hold what is no token are left out: malformed/ says so of itself.
const samples = readdirSync(join(root, "samples"), { withFileTypes: true })
  .filter((folder) => folder.isDirectory() && folder.name !== "malformed")
  .flatMap((folder) =>
    readdirSync(join(root, "samples", folder.name))
      .filter((name) => name.endsWith(".opv"))
      .map((name) => join(root, "samples", folder.name, name)),
  );
const said = execFileSync(python, [join(root, "editors", "tokens.py"), ...samples], {
  maxBuffer: 1 << 28,
  cwd: root,
});
let tokens = 0;
const wrong = [];
for (const { file, lines, tokens: rows } of JSON.parse(said)) {
  let state = textmate.INITIAL;
  const scopes = lines.map((line) => {
    const result = grammar.tokenizeLine(line, state);
    state = result.ruleStack;
    return result.tokens;
  });
  for (const [line, start, end, kind] of rows) {
    tokens += 1;
    const over = scopes[line].filter((each) => each.startIndex < end && each.endIndex > start);
    const found = over.map((each) => each.scopes.at(-1));
    if (!found.length || !found.every((scope) => wanted[kind](scope))) {
      wrong.push(`${file}:${line + 1}:${start + 1}: ${kind}: ${found.join(", ")}: ${lines[line].slice(start, end)}`);
    }
  }
}
if (samples.length < 100 || tokens < 10000) wrong.push(`only ${tokens} tokens of ${samples.length} samples`);
console.log(`${tokens} tokens of ${samples.length} samples, ${wrong.length} with another scope`);
for (const each of wrong.slice(0, 20)) console.log(each);
process.exit(wrong.length ? 1 : 0);
