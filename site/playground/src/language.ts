/** The language's colours, from the words that opvasm itself gives, and its completions. */
import type { CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { HighlightStyle, StreamLanguage, type StreamParser, type StringStream, syntaxHighlighting } from "@codemirror/language";
import { tags } from "@lezer/highlight";
import type { Ask, Facts } from "./messages";

interface Item { label: string; detail: string; text: string; from: number }

interface Reading { comment: boolean; values: boolean }

function parser(words: Facts["words"]): StreamParser<Reading> {
  const kinds = new Map<string, string>();
  // What is added last wins: a mnemonic such as `and` is an op wherever a statement begins.
  for (const word of words.values) kinds.set(word, "atom");
  for (const word of words.kernels) kinds.set(word, "atom");
  for (const word of words.keywords) kinds.set(word, "keyword");
  for (const word of words.types) kinds.set(word, "typeName");
  for (const word of words.declarations) kinds.set(word, "definitionKeyword");
  const operations = new Set(words.operations);
  const sizes = new Set([...words.types]);
  return {
    name: "opv",
    startState: () => ({ comment: false, values: false }),
    languageData: { commentTokens: { line: "//", block: { open: "/*", close: "*/" } }, closeBrackets: { brackets: ["(", "[", "{", '"'] } },
    token(stream, state) {
      if (state.comment) {
        if (stream.skipTo("*/")) { stream.match("*/"); state.comment = false; } else stream.skipToEnd();
        return "comment";
      }
      if (stream.eatSpace()) return null;
      if (stream.match("//")) { stream.skipToEnd(); return "comment"; }
      if (stream.match("/*")) { state.comment = true; return "comment"; }
      if (stream.match(/"(?:[^"\\]|\\.)*"?/)) return "string";
      if (stream.match(/'(?:[^'\\]|\\.)+'?/)) return "character";
      if (stream.match(/[0-9][A-Za-z0-9_]*/)) return "number";
      const first = /^\s*(?:[^;{}]*[;{}]\s*)*$/.test(stream.string.slice(0, stream.pos));
      const word = stream.match(/[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*/) as RegExpMatchArray | null;
      if (word) {
        const dot = word[0].lastIndexOf(".");
        const bare = dot > 0 && sizes.has(word[0].slice(dot + 1)) ? word[0].slice(0, dot) : word[0];
        if (first && operations.has(bare) && stream.match(/\s+[^=]/, false)) return "operatorKeyword";
        const kind = kinds.get(word[0]) ?? "variableName";
        return kind === "keyword" && named(stream, word[0]) ? "variableName" : kind;
      }
      if (stream.match(/->|==|!=|<=|>=|<<|>>|&&|\|\||\.\.|[-+*/%&|^~!<>=?@]/)) return "operator";
      stream.next();
      return "punctuation";
    },
  };
}

/** Whether a word that the grammar has a use for is a name here: an operand, a parameter, a field. */
function named(stream: StringStream, word: string): boolean {
  if (word === "acquire" || word === "release") return false;
  return /[,(&]\s*$/.test(stream.string.slice(0, stream.start)) || stream.match(/\s*(?:[,).:?\]]|->\s*\w+[^\w\s])/, false) !== null;
}

const COLORS = HighlightStyle.define([
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.keyword], color: "var(--lane3)" },
  { tag: tags.definitionKeyword, color: "var(--lane3)", fontWeight: "600" },
  { tag: tags.operatorKeyword, color: "var(--lane0)", fontWeight: "600" },
  { tag: tags.typeName, color: "var(--lane2)" },
  { tag: [tags.number, tags.string, tags.character], color: "var(--lane1)" },
  { tag: tags.atom, color: "var(--open)" },
  { tag: tags.operator, color: "var(--soft)" },
]);

export function language(words: Facts["words"], ask: Ask) {
  const opv = StreamLanguage.define(parser(words));
  const complete = async (context: CompletionContext): Promise<CompletionResult | null> => {
    if (!context.matchBefore(/[\w.@&>]/) && !context.explicit) return null;
    const items: Item[] = (await ask("complete", context.pos))?.items ?? [];
    if (items.length === 0 || context.aborted) return null;
    const options = items.map((each, index) => ({
      label: each.label, detail: each.detail, apply: each.text, boost: Math.max(99 - index, -99),
    }));
    return { from: items[0].from, options, validFor: /^\w*$/ };
  };
  return [opv, syntaxHighlighting(COLORS), opv.data.of({ autocomplete: complete })];
}
