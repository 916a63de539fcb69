/** Every interleaving of a scenario with its picture, and the table of strategies and kernels. */
import { Show, activate } from "show.js";
import { choice, element } from "../dom";
import type { Answer, Outline } from "../messages";
import { Panel, type Page } from "../panel";

const ALL = "*";
const LIMITS = [10_000, 50_000, 200_000, 1_000_000];

abstract class ScenarioPanel extends Panel {
  protected readonly which: HTMLSelectElement;
  protected readonly limit: HTMLSelectElement;
  private wanted: string | undefined;

  constructor(page: Page, act: string) {
    super(page);
    const [scenarios, which] = choice("scenario", []);
    const [limits, limit] = choice("at most", LIMITS.map((each) => [String(each), `${each.toLocaleString("en")} states`]), String(page.facts.states));
    this.which = which;
    this.limit = limit;
    this.go(act);
    this.controls.append(scenarios, limits);
    which.addEventListener("change", () => this.act());
  }

  get scenario(): string | undefined { return this.which.value || undefined; }
  set scenario(name: string | undefined) {
    this.wanted = name;
    this.which.value = name ?? "";
  }

  outlined(outline: Outline | null): void {
    if (!outline) return;
    const chosen = this.wanted ?? this.which.value;
    const names = outline.scenarios.map((each) => each.name);
    const all = names.length > 1 ? [element("option", { value: ALL }, `all ${names.length}`)] : [];
    this.which.replaceChildren(...outline.scenarios.map((each) => element("option", { value: each.name }, each.title ? `${each.name}: ${each.title}` : each.name)), ...all);
    if (names.includes(chosen) || chosen === ALL) this.which.value = chosen;
    this.wanted = undefined;
  }

  /** Asks about one scenario after the other, and shows each answer when it is there. */
  async act(): Promise<void> {
    const outline = await this.outline();
    if (!outline) return;
    const scenarios = outline.scenarios.map((each) => each.name);
    if (scenarios.length === 0) { this.note("The text has no scenario: the samples under “races” have some."); return; }
    const chosen = this.which.value === ALL ? scenarios : [this.which.value];
    const limit = Number(this.limit.value);
    const shown = element("div");
    for (const scenario of chosen) {
      const answer = await this.ask(this.id, { scenario, limit }, true);
      if (!answer) {
        if (shown.childElementCount) this.result.prepend(shown);
        return;
      }
      shown.append(this.report(answer));
      if (scenario === chosen[0]) this.result.replaceChildren(shown);
    }
  }

  /** What opvasm wrote, with its pictures; texts are escaped there. */
  private report(answer: Answer): HTMLElement {
    const shown = element("div", { class: "report" });
    shown.innerHTML = answer.html;
    const open = (run: Element) => {
      const root = run.querySelector<HTMLElement & { show?: Show }>(".show");
      if (!root) return;
      root.show ??= new Show(root, answer.shows[Number(root.dataset.show)], answer.sources);
      activate(root.show);
    };
    for (const run of shown.querySelectorAll<HTMLDetailsElement>("details.run")) {
      run.addEventListener("toggle", () => { if (run.open) open(run); });
    }
    // Links of a table go to its counterexamples; the address of the page stays what it is.
    shown.addEventListener("click", (event) => {
      const link = (event.target as Element).closest<HTMLAnchorElement>('a[href^="#"]');
      if (!link) return;
      event.preventDefault();
      const run = shown.querySelector<HTMLDetailsElement>(link.getAttribute("href")!);
      if (!run) return;
      run.open = true;
      run.scrollIntoView();
      run.querySelector("summary")?.focus();
    });
    // Pictures know their size when they are in the page.
    requestAnimationFrame(() => { for (const run of shown.querySelectorAll<HTMLDetailsElement>("details.run")) if (run.open) open(run); });
    return shown;
  }
}

export class ExplorePanel extends ScenarioPanel {
  readonly id = "explore";
  readonly title = "Explore";

  constructor(page: Page) {
    super(page, "Explore");
    this.note("Goes through every interleaving of the threads of a scenario, and shows the schedule that breaks what it claims, to step through.");
  }
}

export class ComparePanel extends ScenarioPanel {
  readonly id = "compare";
  readonly title = "Compare";

  constructor(page: Page) {
    super(page, "Compare");
    this.note("Explores a scenario with every strategy, under every kernel's rules and in every environment, and prints what each comes to.");
  }
}
