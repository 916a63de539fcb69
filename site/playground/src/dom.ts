/** Elements of the page, and text with the colours of a terminal. */

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag, attributes: Record<string, string> = {}, ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function byId<Kind extends HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no ${id}`);
  return found as Kind;
}

const COLORS: Record<string, string> = {
  "1": "strong", "2": "soft", "31": "bad", "32": "good", "36": "name",
  "1;31": "bad strong", "1;33": "open strong", "1;36": "name strong", "1;32": "good strong",
};

/** Text with the escape sequences that opvasm writes for a terminal, as coloured spans. */
export function colored(text: string): DocumentFragment {
  const made = document.createDocumentFragment();
  let color = "";
  // Every other piece is what stands between ESC [ and m.
  text.split(/\x1b\[([0-9;]*)m/).forEach((piece, index) => {
    if (index % 2) color = COLORS[piece] ?? "";
    else if (piece) made.append(color ? element("span", { class: color }, piece) : piece);
  });
  return made;
}

export function block(text: string): HTMLPreElement {
  const made = element("pre", { class: "output", tabindex: "0" });
  made.append(colored(text));
  return made;
}

export function button(text: string, act: () => void, attributes: Record<string, string> = {}): HTMLButtonElement {
  const made = element("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", act);
  return made;
}

/** A list to choose from, with its label. */
export function choice(label: string, options: [string, string][], chosen?: string): [HTMLLabelElement, HTMLSelectElement] {
  const select = element("select");
  for (const [value, text] of options) select.append(element("option", { value }, text));
  if (chosen !== undefined) select.value = chosen;
  return [element("label", { class: "choice" }, `${label} `, select), select];
}
