/** What is asked of Python, and what comes back; opvasm/playground/answers.py is the other side. */

export interface Question { ask: string; [name: string]: unknown }

export interface Edit { from: number; to: number; replacement: string }

export interface Finding {
  level: "error" | "warning" | "note";
  code: string;
  message: string;
  help: string | null;
  notes: { message: string }[];
  edits: Edit[];
  from: number | null;
  to: number | null;
}

export interface Outline {
  vectors: { name: string; ops: number; parameters: [string, string][]; at: number | null }[];
  sections: { name: string }[];
  tests: { name: string; at: number | null }[];
  scenarios: { name: string; title: string | null; at: number | null }[];
}

export interface Answer { ok: boolean; error?: string; findings?: Finding[]; [name: string]: any }

/** Asks about a place of the text, in UTF-16 units. */
export type Ask = (ask: "hover" | "complete", at: number) => Promise<Answer | null>;

export type FromWorker =
  | { kind: "stage" | "failed" | "progress"; text: string }
  | { kind: "ready" }
  | { kind: "answer"; answer: Answer };

/** What the build takes from `hello`: the page is usable before Python is there. */
export interface Facts {
  version: string;
  words: Record<"declarations" | "keywords" | "operations" | "types" | "kernels" | "values", string[]>;
  samples: { title: string; files: { name: string; about: string }[] }[];
  formats: [string, string][];
  revisions: string[];
  models: string[];
  defaults: [string, string];
  states: number;
}
