"use strict";

/* A schedule to step through; page.js and the playground put it where it belongs.  ``active`` is the
   one that the keys move. */
let active = null;

function make(kind, name, text) {
  const element = document.createElement(kind);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

function lane(thread) { return thread < 0 ? "" : " lane" + (thread % 4); }

/* One schedule: a slider, the diagram, memory, locals and source, which all show the same step.
   Step 0 is the state before anything has run. */
class Show {
  constructor(root, data, sources) {
    this.root = root;
    this.data = data;
    this.sources = sources;
    this.at = -1;
    this.rows = [];
    const controls = make("div", "controls");
    this.slider = make("input");
    Object.assign(this.slider, { type: "range", min: 0, max: data.steps.length, value: 0, step: 1 });
    this.slider.setAttribute("aria-label", "step");
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.output = make("output", "mono");
    const button = (text, label, step) => {
      const it = make("button", "", text);
      it.type = "button";
      it.setAttribute("aria-label", label);
      it.addEventListener("click", () => this.go(step()));
      return it;
    };
    controls.append(button("\u00ab", "first step", () => 0), button("\u25c0", "step back", () => this.at - 1),
      this.slider, button("\u25b6", "step", () => this.at + 1),
      button("\u00bb", "last step", () => data.steps.length), this.output);
    const panes = make("div", "panes");
    panes.append(this.pane("What happens", "diagram tall", this.diagram()),
      this.pane("Memory", "state tall", this.memory()), this.pane("Source", "source", this.source()));
    root.replaceChildren(controls, panes);
    root.addEventListener("pointerdown", () => { active = this; });
    root.addEventListener("focusin", () => { active = this; });
    this.go(data.opens);
  }

  pane(title, names, content) {
    const pane = make("div", "pane " + names.split(" ")[0]);
    pane.append(make("h3", "", title), content);
    if (names.includes("tall")) content.classList.add("tall");
    content.tabIndex = 0;
    content.setAttribute("role", "region");
    content.setAttribute("aria-label", title);
    return pane;
  }

  diagram() {
    const data = this.data, table = make("table", "diagram"), head = make("tr");
    head.append(make("th", "", "step"));
    for (let cpu = 0; cpu < data.cpus; cpu++) head.append(make("th", "", "CPU " + cpu));
    table.append(head);
    data.steps.forEach((step, index) => {
      if (index === data.cycle) {
        const row = make("tr", "cycle"), cell = make("td", "", "from here on this repeats for ever:");
        cell.colSpan = data.cpus;
        row.append(make("td"), cell);
        table.append(row);
      }
      const row = make("tr", "step");
      row.append(make("td", "", String(step.number)));
      const columns = [];
      for (let cpu = 0; cpu < data.cpus; cpu++) { columns.push(make("td")); }
      columns[Math.max(step.cpu, 0)].append(make("span", "cell " + step.mark + lane(step.thread), step.text));
      for (const abort of step.aborts) {
        columns[Math.max(abort.cpu, 0)].append(make("span", "abort", "\u2717 " + abort.text));
      }
      row.append(...columns);
      row.addEventListener("click", () => this.go(index + 1));
      this.rows.push(row);
      table.append(row);
    });
    this.table = make("div", "scroll");
    this.table.append(table);
    return this.table;
  }

  memory() {
    this.state = make("div", "scroll");
    return this.state;
  }

  source() {
    this.code = make("div", "low");
    this.file = -1;
    return this.code;
  }

  show_source(file, line) {
    if (file !== this.file) {
      const source = this.sources[file], code = make("pre", "code");
      this.lines = source.lines.map((text, index) => {
        const span = make("span");
        span.append(make("i", "", String(index + 1)), text);
        return span;
      });
      code.append(...this.lines);
      this.code.replaceChildren(make("p", "soft mono", source.name), code);
      this.file = file;
    }
    for (const span of this.lines) span.classList.remove("now");
    const now = this.lines[line - 1];
    now.classList.add("now");
    this.code.scrollTop = now.offsetTop - this.code.offsetTop - this.code.clientHeight / 2;
  }

  go(step) {
    const data = this.data;
    step = Math.max(0, Math.min(step, data.steps.length));
    if (step === this.at) return;
    this.at = step;
    this.slider.value = step;
    const now = step > 0 ? data.steps[step - 1] : null;
    this.output.textContent = now ? "step " + now.number : "start";
    this.slider.setAttribute("aria-valuetext", now ? now.text : "start");
    this.rows.forEach((row, index) => {
      row.classList.toggle("now", index === step - 1);
      row.classList.toggle("later", index >= step);
    });
    if (now) {
      const row = this.rows[step - 1], box = this.table;
      const top = row.offsetTop - box.offsetTop;
      if (top < box.scrollTop || top + row.offsetHeight > box.scrollTop + box.clientHeight) {
        box.scrollTop = top - box.clientHeight / 2;
      }
    } else { this.table.scrollTop = 0; }
    const values = data.initial.slice(), changed = new Set();
    let registers = data.registers, before = registers;
    for (let index = 0; index < step; index++) {
      for (const [cell, value] of data.steps[index].changes) {
        values[cell] = value;
        if (index === step - 1) changed.add(cell);
      }
      before = registers;
      if (data.steps[index].registers) registers = data.steps[index].registers;
    }
    this.show_state(values, changed, registers, before);
    this.show_source(now ? now.file : data.steps.length ? data.steps[0].file : 0,
      now ? now.line : data.steps.length ? data.steps[0].line : 1);
  }

  show_state(values, changed, registers, before) {
    const table = make("table", "memory");
    this.data.cells.forEach((name, index) => {
      const row = make("tr", changed.has(index) ? "changed" : "");
      row.append(make("td", "", name), make("td", "", values[index]));
      table.append(row);
    });
    registers.forEach((locals, thread) => {
      locals.forEach(([name, value], index) => {
        const row = make("tr", before[thread][index][1] !== value ? "changed" : "");
        row.append(make("td", lane(thread), this.data.threads[thread] + "." + name), make("td", "", value));
        table.append(row);
      });
    });
    this.state.replaceChildren(table);
  }
}

function activate(show) { active = show; }

document.addEventListener("keydown", (event) => {
  const field = event.target.closest("input, select, summary");
  const typing = event.target.closest("textarea, input:not([type=range]), [contenteditable]");
  if (!active || typing || event.ctrlKey || event.altKey || event.metaKey) return;
  const steps = { ArrowLeft: -1, ArrowRight: 1, k: -1, j: 1, Home: -Infinity, End: Infinity };
  if (!(event.key in steps) || (field && event.key.length > 1)) return;
  active.go(active.at + steps[event.key]);
  event.preventDefault();
});
