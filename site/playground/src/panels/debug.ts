/** The debugger: forwards and back, why and who, with memory and the place in the text. */
import { button, colored, element } from "../dom";
import type { Answer, Outline } from "../messages";
import { Panel, type Page } from "../panel";

const MOVES: [string, string, string][] = [
  ["« start", "reverse-continue", "back to the last point, or the start"],
  ["◀ statement", "reverse-next", "back over a statement"],
  ["◀ op", "reverse-step", "back to the op before"],
  ["op ▶", "step", "to the next op"],
  ["statement ▶", "next", "over a statement"],
  ["end »", "continue", "to the next point, or the end"],
  ["why?", "why", "what decided that we are here"],
];

export class DebugPanel extends Panel {
  readonly id = "debug";
  readonly title = "Debug";
  private readonly what = element("select", { "aria-label": "what to debug" });
  private readonly line = element("input", { type: "text", placeholder: "who head@0 · print nodes[0] · break push.2 · help", "aria-label": "a command of the debugger", spellcheck: "false", autocapitalize: "off" });
  private readonly talk = element("pre", { class: "output talk", tabindex: "0", "aria-label": "what the debugger says", "aria-live": "polite" });
  private readonly ops = element("ol", { class: "ops", start: "0" });
  private readonly memory = element("table", { class: "memory" });
  private readonly moves: HTMLElement;
  private readonly view: HTMLElement;
  private commands: string[] = [];
  private typed: string[] = [];
  private back = 0;
  private text = "";
  private subject = "";

  constructor(page: Page) {
    super(page);
    this.go("Start");
    this.controls.append(element("label", { class: "choice" }, "debug ", this.what));
    this.moves = element("div", { class: "toolbar moves" }, ...MOVES.map(([text, command, about]) =>
      button(text, () => void this.command(command), { title: `${command}: ${about}`, "aria-label": `${command}: ${about}` })));
    const form = element("form", { class: "toolbar command" }, element("span", { class: "mono" }, "(opv)"), this.line);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const command = this.line.value.trim();
      if (!command) return;
      this.typed.push(command);
      this.back = 0;
      this.line.value = "";
      void this.command(command);
    });
    this.line.addEventListener("keydown", (event) => {
      const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.back = Math.max(0, Math.min(this.typed.length, this.back + step));
      this.line.value = this.back ? this.typed[this.typed.length - this.back] : "";
    });
    this.view = element("div", { class: "debugger", hidden: "" }, this.moves,
      element("div", { class: "debug-panes" },
        element("div", {}, this.talk, form),
        element("div", { class: "state" }, element("h3", {}, "Ops of the call"), this.ops, element("h3", {}, "Memory"), element("div", { class: "scroll tall" }, this.memory))));
    this.root.append(this.view);
    this.what.addEventListener("change", () => this.act());
    this.note("Steps through a test, a call of a vector, or the schedule of a scenario that fails, forwards and back. The commands are gdb's.");
  }

  outlined(outline: Outline | null): void {
    if (!outline) return;
    const chosen = this.what.value;
    const group = (label: string, options: [string, string, string[][]?][]) => options.length === 0 ? [] : [element("optgroup", { label },
      ...options.map(([value, text, values]) => element("option", { value, ...(values ? { "data-arguments": JSON.stringify(values) } : {}) }, text)))];
    this.what.replaceChildren(
      ...group("tests", outline.tests.map((each) => [`test ${each.name}`, each.name])),
      ...group("schedules that fail", outline.scenarios.map((each) => [`schedule ${each.name}`, each.name])),
      ...group("calls, every argument 0", outline.vectors.map((each) => [`vector ${each.name}`, each.name, each.parameters.map(([name]) => [name, "0"])])));
    if ([...this.what.options].some((each) => each.value === chosen)) this.what.value = chosen;
  }

  async act(): Promise<void> {
    if (!(await this.outline())) return;
    if (!this.what.value) { this.note("The text has nothing to debug."); return; }
    this.text = this.page.editor.text;
    this.subject = this.what.value;
    this.commands = [];
    await this.look();
  }

  private async command(command: string): Promise<void> {
    if (this.page.editor.text !== this.text || this.what.value !== this.subject) {
      await this.act(); // another text: its session begins anew
      if (this.view.hidden) return;
    }
    this.commands.push(command);
    if (!(await this.look())) this.commands.pop();
  }

  private async look(): Promise<boolean> {
    const at = this.subject.indexOf(" ");
    const values = JSON.parse(this.what.selectedOptions[0]?.dataset.arguments ?? "[]");
    const answer = await this.ask("debug", {
      kind: this.subject.slice(0, at), what: this.subject.slice(at + 1), arguments: values, commands: this.commands, limit: this.page.facts.states,
    }, true);
    if (!answer) {
      if (this.commands.length === 0) this.view.hidden = true;
      return false;
    }
    this.result.replaceChildren();
    this.view.hidden = false;
    this.draw(answer);
    return true;
  }

  private draw(answer: Answer): void {
    this.talk.replaceChildren();
    for (const output of answer.outputs) {
      if (output.command) this.talk.append(element("span", { class: "soft" }, `(opv) ${output.command}\n`));
      this.talk.append(colored(output.text));
    }
    this.talk.scrollTop = this.talk.scrollHeight;
    this.ops.replaceChildren(...answer.ops.map((text: string, index: number) => element("li", index === answer.op ? { class: "now", "aria-current": "step" } : {}, text)));
    if (answer.ops.length === 0) this.ops.append(element("li", { class: "none soft" }, "not in a call"));
    this.memory.replaceChildren(...answer.memory.map(([name, value, changed]: [string, string, boolean]) =>
      element("tr", changed ? { class: "changed" } : {}, element("td", {}, name), element("td", {}, value))));
    this.page.editor.mark(answer.at_end ? null : answer.from, answer.to);
  }
}
