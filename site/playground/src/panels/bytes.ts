/** A vector as bytes and in other languages, and bytes as a text. */
import { block, button, choice, element } from "../dom";
import type { Outline } from "../messages";
import { Panel, type Page } from "../panel";

export class BytesPanel extends Panel {
  readonly id = "bytes";
  readonly title = "Bytes";
  private readonly vector: HTMLSelectElement;
  private readonly form: HTMLSelectElement;
  private readonly cpu = element("input", { type: "number", min: "0", max: "4095", value: "0", "aria-label": "CPU" });
  private readonly values = element("span", { class: "arguments" });
  private vectors: Outline["vectors"] = [];

  constructor(page: Page) {
    super(page);
    const [vectors, vector] = choice("vector", []);
    const [forms, form] = choice("as", page.facts.formats.map(([name, about]) => [name, `${name}: ${about}`]));
    this.vector = vector;
    this.form = form;
    this.go("Assemble");
    this.controls.append(vectors, forms, element("label", { class: "choice" }, "cpu ", this.cpu), this.values);
    vector.addEventListener("change", () => { this.parameters(); this.act(); });
    form.addEventListener("change", () => this.act());
    this.root.append(this.reader());
  }

  outlined(outline: Outline | null): void {
    if (!outline) return;
    const chosen = this.vector.value;
    this.vectors = outline.vectors;
    this.vector.replaceChildren(...outline.vectors.map((each) => element("option", { value: each.name }, `${each.name} (${each.ops} ops)`)));
    if (outline.vectors.some((each) => each.name === chosen)) this.vector.value = chosen;
    this.parameters();
  }

  opened(): void { if (this.result.childElementCount === 0) this.act(); }

  private parameters(): void {
    const known = new Map([...this.values.querySelectorAll("input")].map((each) => [each.name, each.value]));
    const vector = this.vectors.find((each) => each.name === this.vector.value);
    this.values.replaceChildren(...(vector?.parameters ?? []).map(([name, type]) => element("label", { class: "choice", title: type }, `${name} `,
      element("input", { name, value: known.get(name) ?? "0", size: "8", spellcheck: "false" }))));
  }

  async act(): Promise<void> {
    if (!(await this.outline())) return;
    if (!this.vector.value) { this.note("The text has no vector."); return; }
    const values = [...this.values.querySelectorAll("input")].map((each) => [each.name, each.value]);
    const answer = await this.ask("listing", {
      vector: this.vector.value, format: this.form.value, cpu: Number(this.cpu.value) || 0, arguments: values,
    });
    if (answer) this.result.replaceChildren(block(answer.text));
  }

  /** Hexadecimal digits, dumps and C arrays, back to a text. */
  private reader(): HTMLElement {
    const { revisions, models, defaults } = this.page.facts;
    const [revisionLabel, revision] = choice("revision", revisions.map((each) => [each, each]), defaults[0]);
    const [modelLabel, model] = choice("data model", models.map((each) => [each, each]), defaults[1]);
    const data = element("textarea", {
      rows: "4", spellcheck: "false", "aria-label": "bytes of struct cpu_op",
      placeholder: "hexadecimal digits, xxd, hexdump -C, od -tx1, gdb's x, or a C array",
    });
    const shown = element("div");
    const read = async () => {
      const answer = await this.page.engine.ask({ ask: "disassemble", data: data.value, revision: revision.value, model: model.value });
      shown.replaceChildren(...(answer.remarks ?? []).map((each: string) => element("p", { class: "soft" }, each)), block(answer.ok ? answer.text : answer.error ?? ""));
      if (answer.ok) shown.append(button("To the editor", () => { this.page.editor.text = answer.text; }));
    };
    return element("details", { class: "run reader" }, element("summary", {}, "Disassemble bytes"),
      element("div", {}, data, element("div", { class: "toolbar" }, button("Disassemble", () => void read()), revisionLabel, modelLabel), shown));
  }
}
