/** What all panels have: the text's outline, a button that asks, a place for the answer. */
import { block, button, element } from "./dom";
import { type Engine, Stopped } from "./engine";
import type { Editor } from "./editor";
import type { Answer, Facts, Finding, Outline, Question } from "./messages";

/** What a panel may use of the page. */
export interface Page {
  facts: Facts;
  engine: Engine;
  editor: Editor;
  name(): string;
  outline(): Promise<Outline | null>;
  findings(found: Finding[]): void;
  busy(text: string | null): void;
}

export abstract class Panel {
  abstract readonly id: string;
  abstract readonly title: string;
  readonly controls = element("div", { class: "toolbar" });
  readonly result = element("div", { class: "result" });
  readonly root: HTMLElement;
  private asked = 0;

  constructor(protected readonly page: Page) {
    this.root = element("div", {}, this.controls, this.result);
  }

  /** What the panel does; Ctrl-Enter. */
  abstract act(): void;

  /** The text has another outline. */
  outlined(_outline: Outline | null): void { /* most panels have no use for it */ }

  /** The panel is opened. */
  opened(): void { /* most panels wait until they are asked */ }

  /** The scenario that a link may name. */
  get scenario(): string | undefined { return undefined; }
  set scenario(_name: string | undefined) { /* only some panels have one */ }

  protected go(text: string): HTMLButtonElement {
    const made = button(text, () => this.act(), { class: "go", title: "Ctrl-Enter" });
    this.controls.append(made);
    return made;
  }

  protected note(text: string, kind = "soft"): void {
    this.result.replaceChildren(element("p", { class: kind }, text));
  }

  /** What the text holds; null, and said so, where it can't be read. */
  protected async outline(): Promise<Outline | null> {
    const found = await this.page.outline();
    if (!found) this.note("The text can't be read as it is: its findings say why.", "bad");
    return found;
  }

  /** Asks about the text; null where the answer is shown already, stopped, or too late. */
  protected async ask(ask: string, more: Omit<Question, "ask"> = {}, long = false): Promise<Answer | null> {
    const number = ++this.asked;
    const question = { ask, name: this.page.name(), text: this.page.editor.text, ...more };
    const waiting = setTimeout(() => this.page.busy("working …"), 150);
    try {
      const answer = await this.page.engine.ask(question, long, (text) => this.page.busy(text));
      if (number !== this.asked) return null;
      if (answer.ok) return answer;
      this.result.replaceChildren(block(answer.error ?? ""));
      if (answer.findings?.length) this.page.findings(answer.findings);
      return null;
    } catch (error) {
      if (number === this.asked) {
        this.note(error instanceof Stopped ? "Stopped." : String(error), error instanceof Stopped ? "open" : "bad");
      }
      return null;
    } finally {
      clearTimeout(waiting);
      if (number === this.asked) this.page.busy(null);
    }
  }
}
