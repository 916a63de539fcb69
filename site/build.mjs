// The playground's part of `make site`: node build.mjs WORK OUT
// WORK holds facts.json, samples.json and the wheels; OUT becomes the folder of the playground.
import { build } from "esbuild";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateRawSync } from "node:zlib";
import { loadPyodide } from "pyodide";

const [work, out] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const assets = join(here, "..", "opvasm", "explorer_reports", "assets");

// show.js is a script of the explorer's page; here it is a module.
const virtual = {
  name: "opvasm",
  setup(builder) {
    builder.onResolve({ filter: /^(show\.js|facts\.json)$/ }, ({ path }) => ({ path, namespace: "opvasm" }));
    builder.onLoad({ filter: /^show\.js$/, namespace: "opvasm" }, () => ({
      contents: `${readFileSync(join(assets, "show.js"), "utf-8")}\nexport { Show, activate };\n`,
    }));
    builder.onLoad({ filter: /^facts\.json$/, namespace: "opvasm" }, () => ({
      contents: readFileSync(join(work, "facts.json"), "utf-8"), loader: "json",
    }));
  },
};

const common = { bundle: true, minify: true, target: "es2022", outdir: out, plugins: [virtual], legalComments: "linked", logLevel: "warning" };
const source = join(here, "playground", "src");
await build({ ...common, format: "esm", entryPoints: [join(source, "app.ts"), join(source, "worker.ts")] });
await build({ ...common, format: "iife", entryPoints: [join(source, "theme.ts")] });
writeFileSync(join(out, "style.css"), readFileSync(join(assets, "page.css"), "utf-8") + readFileSync(join(here, "playground", "style.css"), "utf-8"));
cpSync(join(here, "playground", "index.html"), join(out, "index.html"));
cpSync(join(work, "samples.json"), join(out, "samples.json"));

const python = join(out, "python");
mkdirSync(python, { recursive: true });
for (const name of ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide-lock.json", "python_stdlib.zip"]) {
  cpSync(join(here, "node_modules", "pyodide", name), join(python, name));
}

// The wheels, compiled by the Python that will run them, and the tables of the grammar beside them:
// what every visitor would do again is done once here.
// (An error would otherwise be printed with Pyodide's whole source, a line of a megabyte.)
process.on("uncaughtException", (error) => { console.error(String(error.message ?? error)); process.exit(1); });
const env = { HOME: "/home/pyodide", XDG_CACHE_HOME: "/opvasm/cache" };
const pyodide = await loadPyodide({ env });
for (const wheel of JSON.parse(readFileSync(join(work, "wheels.json"), "utf-8"))) {
  pyodide.unpackArchive(new Uint8Array(readFileSync(join(work, wheel))), "wheel", { extractDir: "/opvasm/lib" });
}
pyodide.runPython(readFileSync(join(here, "archive.py"), "utf-8"));
writeFileSync(join(python, "opvasm.zip"), pyodide.FS.readFile("/opvasm.zip"));

// The memory of a Python that has just started: whoever loads it need not start one, which takes longer
// than all the rest together. The option is Pyodide's own and not documented, hence its exact version in
// package.json; the worker does without the file where it can't use it.
const started = await loadPyodide({ env, _makeSnapshot: true });
writeFileSync(join(python, "memory.deflated"), deflateRawSync(started.makeMemorySnapshot(), { level: 9 }));
