import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { extname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { errnoOf, Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import { extensionOf, mimeTypeOf } from "../std/mime-type.ts";
import { sniffType } from "../std/sniff-type.ts";
import { MAX_LINE_BYTES } from "./line-splitter.ts";
import type { Artifact, JobEvent } from "./protocol.ts";
import { LostTouch } from "./service-connection.ts";

/** Saves what a server sent as files of a job. */
export interface ArtifactFolder {
  /**
   * Saves bytes; of equal names the later ones are numbered.
   * @param name with or without extension; one is added for `type`, or for what the bytes look like
   * @returns the name it got
   * @throws Failure state/unwritable
   */
  save(name: string, bytes: Buffer, type: string | null): Promise<string>;
  /** Saves a stream as it comes, in a bounded piece of memory. @throws Failure state/unwritable, LostTouch */
  saveStream(name: string, content: AsyncIterable<Buffer>, type: string | null): Promise<string>;
  /** The output of a job, as it may be stored: what is longer than 1 MiB becomes the file output.json. */
  settleOutput(output: Json): Promise<Json>;
  /** All that was saved, in that order. */
  readonly artifacts: readonly Artifact[];
}

/** What is not whole yet begins like this, as with files of the SDK: nobody lists it. */
const UNFINISHED = ".saving-";

/** Made when the first file is saved, since most jobs leave none. */
export function createArtifactFolder(dir: string, onEvent: (event: JobEvent) => void): ArtifactFolder {
  const artifacts: Artifact[] = [];
  const saveStream: ArtifactFolder["saveStream"] = async (wanted, content, type) => {
    const first = await peek(content);
    const found = type ?? sniffType(first.head);
    const name = freeName(withExtension(cleanName(wanted), found), artifacts);
    const bytes = await write(dir, name, first.all);
    const artifact = { name, bytes, type: found ?? mimeTypeOf(name) };
    artifacts.push(artifact);
    onEvent({ type: "artifact", artifact });
    return name;
  };
  const save: ArtifactFolder["save"] = (name, bytes, type) =>
    saveStream(name, Readable.from([bytes], { objectMode: false }), type);
  return {
    artifacts,
    save,
    saveStream,
    async settleOutput(output) {
      const text = JSON.stringify(output);
      if (Buffer.byteLength(text) <= MAX_LINE_BYTES) return output;
      return { savedAs: await save("output.json", Buffer.from(text), "application/json") };
    },
  };
}

/** The bytes of a base64 text. @throws Failure job/failed when it is none */
export function decodeBase64(text: string, what: string): Buffer {
  // A search for what does not belong takes time in proportion to the text, whatever the text is.
  if (/[^A-Za-z0-9+/_=\s-]/.test(text)) {
    throw new Failure("job/failed", `the server's answer is not what was expected: ${what} is not base64`);
  }
  return Buffer.from(text, "base64");
}

/** A data URL (RFC 2397) with base64 in it, taken apart; null for anything else. */
export function parseDataUrl(text: string): { type: string | null; base64: string } | null {
  const match = /^data:([\w.+-]+\/[\w.+-]+)?((?:;[^,;]*)*);base64,/.exec(text.slice(0, 300));
  return match === null ? null : { type: match[1] ?? null, base64: text.slice(match[0].length) };
}

/** The first chunk, for what it looks like, and the whole content including it. */
async function peek(content: AsyncIterable<Buffer>): Promise<{ head: Buffer; all: AsyncIterable<Buffer> }> {
  const chunks = content[Symbol.asyncIterator]();
  const first = await next(chunks);
  async function* all(): AsyncGenerator<Buffer> {
    for (let chunk = first; chunk.done !== true; chunk = await next(chunks)) yield chunk.value;
  }
  return { head: first.done === true ? Buffer.alloc(0) : first.value, all: all() };
}

async function next(chunks: AsyncIterator<Buffer>): Promise<IteratorResult<Buffer>> {
  try {
    return await chunks.next();
  } catch {
    throw new LostTouch("the server broke off its answer");
  }
}

async function write(dir: string, name: string, content: AsyncIterable<Buffer>): Promise<number> {
  const unfinished = join(dir, `${UNFINISHED}${name}`);
  let bytes = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of content) {
      bytes += chunk.length;
      yield chunk;
    }
  }
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await pipeline(counted(), createWriteStream(unfinished, { mode: 0o600 }));
    await rename(unfinished, join(dir, name));
  } catch (error) {
    await rm(unfinished, { force: true });
    if (errnoOf(error) === undefined) throw error;
    throw new Failure("state/unwritable", `cannot save ${name}`, { why: errnoOf(error), cause: error });
  }
  return bytes;
}

/** Names come from servers: nothing that leads out of the folder or is hidden. */
function cleanName(name: string): string {
  const clean = name.replace(/[^\w.-]+/g, "_").replace(/^[.-]+/, "");
  return clean === "" ? "output" : clean.slice(-120);
}

function withExtension(name: string, type: string | null): string {
  const extension = type === null ? null : extensionOf(type);
  return extension === null || mimeTypeOf(name) !== null ? name : `${name}${extension}`;
}

function freeName(name: string, taken: readonly Artifact[]): string {
  const extension = extname(name);
  const stem = name.slice(0, name.length - extension.length);
  for (let number = 1; ; number++) {
    const candidate = number === 1 ? name : `${stem}-${number}${extension}`;
    if (!taken.some((artifact) => artifact.name === candidate)) return candidate;
  }
}
