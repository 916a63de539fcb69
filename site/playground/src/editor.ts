/** The editor: the text, its findings under the caret, the place where the debugger stands. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, indentUnit } from "@codemirror/language";
import { type Diagnostic, forceLinting, lintGutter, linter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import {
  Decoration, type DecorationSet, drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, hoverTooltip, keymap, lineNumbers,
} from "@codemirror/view";
import { language } from "./language";
import { markdown } from "./markdown";
import type { Ask, Facts, Finding } from "./messages";

const setNow = StateEffect.define<[number, number] | null>();

/** The statement or op where the debugger stands. */
const now = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    marks = marks.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(setNow)) continue;
      if (effect.value === null) { marks = Decoration.none; continue; }
      const line = transaction.state.doc.lineAt(effect.value[0]);
      marks = Decoration.set([
        Decoration.line({ class: "now-line" }).range(line.from),
        ...(effect.value[1] > effect.value[0] ? [Decoration.mark({ class: "now-mark" }).range(...effect.value)] : []),
      ]);
    }
    return marks;
  },
  provide: (field) => EditorView.decorations.from(field),
});

export class Editor {
  readonly view: EditorView;

  constructor(parent: HTMLElement, facts: Facts, changed: () => void, ask: Ask) {
    const hover = hoverTooltip(async (_view, position) => {
      const answer = await ask("hover", position);
      if (!answer?.text) return null;
      return { pos: answer.from, end: answer.to, above: true, create: () => ({ dom: markdown(answer.text) }) };
    }, { hoverTime: 450 });
    this.view = new EditorView({
      parent,
      state: EditorState.create({
        extensions: [
          lineNumbers(), lintGutter(), history(), drawSelection(), bracketMatching(), closeBrackets(), autocompletion(),
          highlightActiveLine(), highlightActiveLineGutter(), highlightSelectionMatches(), linter(null), hover, now,
          indentUnit.of("    "), EditorView.lineWrapping, language(facts.words, ask),
          // Tab leaves the editor: whoever has no mouse must be able to.
          keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
          EditorView.contentAttributes.of({ "aria-label": "the text", tabindex: "0", spellcheck: "false", autocapitalize: "off" }),
          EditorView.updateListener.of((update) => { if (update.docChanged) changed(); }),
        ],
      }),
    });
  }

  get text(): string { return this.view.state.doc.toString(); }

  set text(text: string) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text }, selection: { anchor: 0 } });
    this.view.scrollDOM.scrollTop = 0;
  }

  /** Show findings under the text that they are of. */
  show(findings: Finding[]): void {
    const size = this.view.state.doc.length;
    const found: Diagnostic[] = findings.filter((each) => each.from !== null).map((each) => ({
      from: Math.min(each.from!, size),
      to: Math.min(each.to!, size),
      severity: each.level === "note" ? "info" : each.level,
      source: each.code,
      message: [each.message, ...each.notes.map((note) => note.message), ...(each.help ? [each.help] : [])].join("\n"),
      actions: each.edits.length === 0 ? [] : [{
        name: "Mend it",
        apply: (view) => view.dispatch({
          changes: each.edits.map((edit) => ({ from: edit.from, to: edit.to, insert: edit.replacement })),
        }),
      }],
    }));
    this.view.dispatch(setDiagnostics(this.view.state, found));
    forceLinting(this.view);
  }

  /** Mark where the debugger stands. */
  mark(from: number | null, to: number | null): void {
    const size = this.view.state.doc.length;
    const place: [number, number] | null = from === null || from > size ? null : [from, Math.min(to ?? from, size)];
    const effects: StateEffect<unknown>[] = [setNow.of(place)];
    if (place) effects.push(EditorView.scrollIntoView(place[0], { y: "nearest", yMargin: 60 }));
    this.view.dispatch({ effects });
  }

  /** Put the caret at a place. */
  goTo(position: number): void {
    const anchor = Math.min(position, this.view.state.doc.length);
    this.view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
    this.view.focus();
  }
}
