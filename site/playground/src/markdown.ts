/** The little Markdown that explanations are written in: code, words in code, bold ones, a line between. */
import { element } from "./dom";

/** A text as nodes; what it says is never taken for HTML. */
export function markdown(text: string): HTMLElement {
  const parts = text.split(/^```\w*\n([\s\S]*?)\n```$/m);
  return element("div", { class: "hover" }, ...parts.flatMap((part, index) =>
    index % 2 === 1 ? [element("pre", {}, part.trimEnd())] : part.split(/\n{2,}/).filter((each) => each.trim()).map(block)));
}

function block(text: string): HTMLElement {
  if (/^\s*---\s*$/.test(text)) return element("hr", {});
  const words = text.trim().split(/(`[^`]+`|\*\*[^*]+\*\*)/);
  return element("p", {}, ...words.map((word) =>
    word.startsWith("`") && word.length > 1 ? element("code", {}, word.slice(1, -1))
      : word.startsWith("**") ? element("strong", {}, word.slice(2, -2)) : word));
}
