/** The state of the page in the fragment of its address, which no browser sends to a server. */

export interface Shared {
  name: string;
  text: string;
  /** The panel that is open, and the scenario that is chosen there. */
  panel?: string;
  scenario?: string;
}

const PREFIX = "#z=";
const LARGEST = 4 << 20;

async function through(data: Uint8Array<ArrayBuffer>, stream: CompressionStream | DecompressionStream): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new Blob([data]).stream().pipeThrough(stream).getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    if (size > LARGEST) throw new Error("the text of this link is too long");
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** The fragment: JSON, compressed by deflate without a header, in base64 for addresses. */
export async function encode(shared: Shared): Promise<string> {
  const packed = await through(new TextEncoder().encode(JSON.stringify(shared)), new CompressionStream("deflate-raw"));
  let letters = "";
  for (const byte of packed) letters += String.fromCharCode(byte);
  return PREFIX + btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** What a fragment holds; null where it is none of ours. Throws where it is damaged. */
export async function decode(fragment: string): Promise<Shared | null> {
  if (!fragment.startsWith(PREFIX)) return null;
  const letters = atob(fragment.slice(PREFIX.length).replace(/-/g, "+").replace(/_/g, "/"));
  const packed = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  const data = await through(packed, new DecompressionStream("deflate-raw"));
  const found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));
  if (typeof found?.text !== "string" || typeof found?.name !== "string") throw new Error("it holds no text");
  return found;
}
