/** Python in a worker: loads Pyodide and opvasm from the page's own folder, then answers. */
import type { FromWorker } from "./messages";

const say = (message: FromWorker) => self.postMessage(message);
const here = (name: string) => new URL(`python/${name}`, self.location.href).href;

interface Pyodide {
  unpackArchive(data: ArrayBuffer, format: string, options: { extractDir: string }): void;
  runPython(code: string): any;
}

/** The memory of a Python that has started, which saves starting one; undefined where it is not to be had. */
async function started(): Promise<ArrayBuffer | undefined> {
  try {
    const response = await fetch(here("memory.deflated"));
    if (!response.ok || !response.body) return undefined;
    return await new Response(response.body.pipeThrough(new DecompressionStream("deflate-raw"))).arrayBuffer();
  } catch {
    return undefined;
  }
}

async function load(): Promise<(question: string, tell: (text: string) => void) => string> {
  say({ kind: "stage", text: "Loading Python …" });
  const archive = fetch(here("opvasm.zip")).then((response) => {
    if (!response.ok) throw new Error(`opvasm.zip: ${response.status} ${response.statusText}`);
    return response.arrayBuffer();
  });
  archive.catch(() => undefined); // reported where it is awaited
  const memory = started();
  const { loadPyodide } = await import(here("pyodide.mjs"));
  const options = { indexURL: here(""), packageBaseUrl: here(""), env: { HOME: "/home/pyodide", XDG_CACHE_HOME: "/opvasm/cache" } };
  const snapshot = await memory;
  const python: Pyodide = snapshot
    ? await loadPyodide({ ...options, _loadSnapshot: snapshot }).catch(() => loadPyodide(options))
    : await loadPyodide(options);
  say({ kind: "stage", text: "Unpacking opvasm …" });
  python.unpackArchive(await archive, "zip", { extractDir: "/opvasm" });
  return python.runPython(`
import os, sys
sys.path.insert(0, "/opvasm/lib")
os.utime("/opvasm/lib/lark/__init__.pyc", (0, 0))  # as when the tables of the grammar were made
from opvasm.playground.answers import answer
answer
`);
}

let answer: Awaited<ReturnType<typeof load>> | undefined;
self.addEventListener("message", (event: MessageEvent<string>) => {
  try {
    const found = answer!(event.data, (text) => say({ kind: "progress", text }));
    say({ kind: "answer", answer: JSON.parse(found) });
  } catch (error) {
    say({ kind: "failed", text: String(error) });
  }
});
load().then((loaded) => {
  answer = loaded;
  say({ kind: "ready" });
}, (error) => say({ kind: "failed", text: String(error) }));
