/** The page: editor, findings, panels, sharing. */
import { byId, element } from "./dom";
import { Editor } from "./editor";
import { Engine } from "./engine";
import { decode, encode, type Shared } from "./link";
import type { Answer, Facts, Finding, Outline } from "./messages";
import { BytesPanel } from "./panels/bytes";
import { DebugPanel } from "./panels/debug";
import { ComparePanel, ExplorePanel } from "./panels/explore";
import { RunPanel, VerifyPanel } from "./panels/run";
import type { Page, Panel } from "./panel";
import facts from "facts.json";

const FIRST = "races/list.opv";
const WAIT = 120; // milliseconds without a key before the text is looked at

class Playground implements Page {
  readonly facts: Facts = facts;
  readonly engine: Engine;
  readonly editor: Editor;
  private readonly panels: Panel[];
  private readonly tabs = new Map<Panel, HTMLButtonElement>();
  private readonly stopButton = element("button", { type: "button", class: "stop", hidden: "" }, "Stop");
  private readonly working = element("span", { class: "soft working", role: "status" });
  private open: Panel;
  private file = FIRST;
  private known: Outline | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private checking = false;
  private again = false;
  private runWhenKnown = false;

  constructor(private readonly texts: Record<string, string>) {
    this.engine = new Engine((text, failed) => this.stage(text, failed));
    this.editor = new Editor(byId("editor"), this.facts, () => this.changed(), (ask, at) => this.ask(ask, at));
    this.panels = [new ExplorePanel(this), new ComparePanel(this), new RunPanel(this), new DebugPanel(this), new VerifyPanel(this), new BytesPanel(this)];
    this.open = this.panels[0];
    this.drawTabs();
    this.drawSamples();
    this.stopButton.addEventListener("click", () => this.engine.stop());
    byId("share").addEventListener("click", () => void this.share());
    byId("format").addEventListener("click", () => void this.format());
    window.addEventListener("hashchange", () => void this.openLink());
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.open.act();
    }, true);
    void this.openLink();
  }

  name(): string { return this.file; }

  /** What the text holds as it is now; null where it can't be read. */
  async outline(): Promise<Outline | null> {
    while (this.timer !== undefined || this.checking || this.again) await new Promise((done) => setTimeout(done, 20));
    return this.known;
  }

  busy(text: string | null): void {
    this.stopButton.hidden = text === null;
    this.working.textContent = text ?? "";
  }

  // -- loading -----------------------------------------------------------------------------------

  private stage(text: string, failed: boolean): void {
    const box = byId("loading");
    box.hidden = text === "";
    box.classList.toggle("bad", failed);
    box.querySelector("progress")!.hidden = failed;
    byId("stage").textContent = text;
  }

  // -- texts -------------------------------------------------------------------------------------

  private drawSamples(): void {
    const select = byId<HTMLSelectElement>("samples");
    select.append(element("option", { value: "" }, "your own text"));
    for (const group of this.facts.samples) {
      select.append(element("optgroup", { label: group.title }, ...group.files.map((each) =>
        element("option", { value: each.name, title: each.about }, each.name.split("/")[1].replace(/\.opv$/, "")))));
    }
    select.addEventListener("change", () => { if (select.value) this.sample(select.value); });
  }

  private sample(name: string): void {
    history.replaceState(null, "", location.pathname + location.search);
    this.load({ name, text: this.texts[name] });
  }

  private load(shared: Shared): void {
    this.file = shared.name;
    byId<HTMLSelectElement>("samples").value = this.texts[shared.name] === shared.text ? shared.name : "";
    for (const panel of this.panels) panel.result.replaceChildren();
    this.known = null;
    this.editor.mark(null, null);
    this.editor.text = shared.text;
    const panel = this.panels.find((each) => each.id === shared.panel);
    if (panel) {
      panel.scenario = shared.scenario;
      this.runWhenKnown = true;
      this.choose(panel);
    }
    void this.look();
  }

  private async openLink(): Promise<void> {
    try {
      const shared = await decode(location.hash);
      if (shared) { this.load(shared); return; }
    } catch (error) {
      this.notice(`This link is damaged: ${error instanceof Error ? error.message : error}. It may have been cut off when it was copied.`);
    }
    if (!this.editor.text) this.sample(this.texts[FIRST] ? FIRST : Object.keys(this.texts)[0]);
  }

  private async share(): Promise<void> {
    const shared: Shared = { name: this.file, text: this.editor.text, panel: this.open.id, scenario: this.open.scenario };
    history.replaceState(null, "", await encode(shared));
    const address = location.href;
    const field = element("input", { type: "text", readonly: "", "aria-label": "the link" });
    field.value = address;
    let copied = true;
    try { await navigator.clipboard.writeText(address); } catch { copied = false; }
    const size = `${address.length.toLocaleString("en")} characters`;
    this.notice(copied ? `The link is copied (${size}). The text is in the link itself.` : `Copy the link (${size}); the text is in it.`, field);
    field.focus();
    field.select();
  }

  private notice(text: string, ...more: Node[]): void {
    const box = byId("shared");
    const close = element("button", { type: "button", "aria-label": "close" }, "×");
    close.addEventListener("click", () => { box.hidden = true; });
    box.replaceChildren(element("span", { role: "status" }, text), ...more, close);
    box.hidden = false;
  }

  private async format(): Promise<void> {
    const before = this.editor.text;
    const answer = await this.engine.ask({ ask: "format", name: this.file, text: before });
    if (this.editor.text !== before) return;
    if (answer.ok) { if (answer.text !== before) this.editor.text = answer.text; } else this.findings(answer.findings ?? []);
  }

  /** What opvasm says of a place of the text; null where it is not there yet. */
  private ask(ask: "hover" | "complete", at: number): Promise<Answer | null> {
    return this.engine.ask({ ask, name: this.file, text: this.editor.text, at }).then((answer) => answer.ok ? answer : null, () => null);
  }

  // -- findings ----------------------------------------------------------------------------------

  private changed(): void {
    this.editor.mark(null, null);
    const select = byId<HTMLSelectElement>("samples");
    if (select.value && this.texts[select.value] !== this.editor.text) select.value = "";
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.look(), WAIT);
  }

  /** Looks at the text as it is now; while one look is under way the next waits for it. */
  private async look(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.checking) { this.again = true; return; }
    this.checking = true;
    const text = this.editor.text;
    try {
      const answer = await this.engine.ask({ ask: "check", name: this.file, text });
      if (this.editor.text === text) {
        this.findings(answer.findings ?? []);
        this.known = (answer.outline as Outline | null | undefined) ?? null;
        for (const panel of this.panels) panel.outlined(this.known);
        document.body.dataset.checked = String(Number(document.body.dataset.checked ?? 0) + 1);
        if (this.runWhenKnown) { this.runWhenKnown = false; this.open.act(); }
      } else this.again = true;
    } catch (error) {
      this.notice(String(error));
    } finally {
      this.checking = false;
      if (this.again) { this.again = false; void this.look(); }
    }
  }

  findings(found: Finding[]): void {
    this.editor.show(found);
    const count = (level: string) => found.filter((each) => each.level === level).length;
    const words = ["error", "warning", "note"].map((level) => [count(level), level] as const)
      .filter(([number]) => number).map(([number, level]) => `${number} ${level}${number === 1 ? "" : "s"}`);
    const list = element("ul");
    for (const each of found) {
      const line = each.from === null ? "" : `${this.editor.view.state.doc.lineAt(Math.min(each.from, this.editor.view.state.doc.length)).number}: `;
      const place = element("button", { type: "button", class: "finding" },
        element("span", { class: `level ${each.level}` }, each.level), ` ${line}${each.message}`);
      if (each.from !== null) place.addEventListener("click", () => this.editor.goTo(each.from!));
      const link = element("a", { href: `../diagnostics/${each.code}/index.html`, title: "the rule, and its reason" }, each.code);
      list.append(element("li", {}, place, " ", link, each.help ? element("div", { class: "soft help" }, each.help) : ""));
    }
    byId("problems").replaceChildren(element("p", { class: count("error") ? "bad" : found.length ? "open" : "good" }, words.join(", ") || "nothing to report"), list);
  }

  // -- panels ------------------------------------------------------------------------------------

  private drawTabs(): void {
    const bar = byId("tablist");
    for (const panel of this.panels) {
      const tab = element("button", { type: "button", role: "tab", id: `tab-${panel.id}`, "aria-controls": `panel-${panel.id}` }, panel.title);
      tab.addEventListener("click", () => this.choose(panel));
      this.tabs.set(panel, tab);
      bar.append(tab);
      panel.root.id = `panel-${panel.id}`;
      panel.root.setAttribute("role", "tabpanel");
      panel.root.setAttribute("aria-labelledby", tab.id);
      byId("panels").append(panel.root);
    }
    byId("tabs").append(this.working, this.stopButton);  // a list of tabs holds nothing else
    bar.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step === undefined || !(event.target as Element).matches('[role="tab"]')) return;
      event.stopPropagation();
      event.preventDefault();
      const next = (this.panels.indexOf(this.open) + step + this.panels.length) % this.panels.length;
      this.choose(this.panels[next]);
      this.tabs.get(this.open)!.focus();
    });
    this.choose(this.open);
  }

  private choose(panel: Panel): void {
    this.open = panel;
    for (const [each, tab] of this.tabs) {
      tab.setAttribute("aria-selected", String(each === panel));
      tab.tabIndex = each === panel ? 0 : -1;
      each.root.hidden = each !== panel;
    }
    if (this.known && !this.runWhenKnown) panel.opened();
  }
}

async function begin(): Promise<void> {
  const response = await fetch("samples.json");
  new Playground(response.ok ? await response.json() : {});
}

void begin();
