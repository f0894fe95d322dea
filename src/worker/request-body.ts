import { randomUUID } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { basename } from "node:path";
import { errnoOf, Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import { mimeTypeOf } from "../std/mime-type.ts";

/** A body that is sent piece by piece, so that files in it take no memory. */
export interface RequestBody {
  /** Its content type. */
  readonly type: string;
  readonly bytes: number;
  readonly parts: readonly (Buffer | FilePart)[];
}

interface FilePart {
  readonly path: string;
  readonly fileBytes: number;
  readonly isBase64: boolean;
}

/** A file whose content stands in a JSON document as text. */
export class EmbeddedFile {
  readonly path: string;
  readonly encoding: "base64" | "dataUrl";
  constructor(path: string, encoding: "base64" | "dataUrl") {
    this.path = path;
    this.encoding = encoding;
  }
}

/** JSON with files in it. */
export type Document =
  | null
  | boolean
  | number
  | string
  | EmbeddedFile
  | readonly Document[]
  | { readonly [key: string]: Document };

/** Divisible by 3, so that each chunk but the last is whole base64 without padding. */
const CHUNK_BYTES = 48 * 1024;
const UNKNOWN_TYPE = "application/octet-stream";

/** @throws Failure file/missing, file/unreadable for a file that is no longer there */
export function jsonBody(document: Document): RequestBody {
  const parts: (string | FilePart)[] = [];
  writeDocument(document, parts);
  return bodyOf("application/json", parts);
}

/** What a field of a form holds. */
export type FormValue = { readonly text: string } | { readonly path: string };

/**
 * A form as browsers send it (RFC 7578); files go with their names and types.
 * @throws Failure file/missing, file/unreadable for a file that is no longer there
 */
export function formBody(fields: Readonly<Record<string, FormValue>>): RequestBody {
  const boundary = `orch-${randomUUID()}`;
  const parts = Object.entries(fields).flatMap(([name, value]): (string | FilePart)[] => {
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="${quoted(name)}"`;
    if ("text" in value) return [`${head}\r\n\r\n${value.text}\r\n`];
    const type = mimeTypeOf(value.path) ?? UNKNOWN_TYPE;
    const fileHead = `${head}; filename="${quoted(basename(value.path))}"\r\ncontent-type: ${type}\r\n\r\n`;
    return [fileHead, filePart(value.path, false), "\r\n"];
  });
  return bodyOf(`multipart/form-data; boundary=${boundary}`, [...parts, `--${boundary}--\r\n`]);
}

/** The bytes of a body, in chunks. @throws Error when a file has become shorter meanwhile */
export async function* bytesOf(body: RequestBody): AsyncGenerator<Buffer> {
  for (const part of body.parts) {
    if (Buffer.isBuffer(part)) yield part;
    else if (part.fileBytes > 0) yield* contentOf(part);
  }
}

function writeDocument(value: Document, parts: (string | FilePart)[]): void {
  if (value instanceof EmbeddedFile) {
    const prefix =
      value.encoding === "dataUrl" ? `data:${mimeTypeOf(value.path) ?? UNKNOWN_TYPE};base64,` : "";
    parts.push(`"${prefix}`, filePart(value.path, true), '"');
  } else if (isDocumentList(value)) {
    writeItems("[", "]", value, parts, (item) => writeDocument(item, parts));
  } else if (typeof value === "object" && value !== null) {
    writeItems("{", "}", Object.entries(value), parts, ([key, item]) => {
      parts.push(`${JSON.stringify(key)}:`);
      writeDocument(item, parts);
    });
  } else parts.push(JSON.stringify(value satisfies Json));
}

function writeItems<Item>(
  open: string,
  close: string,
  items: readonly Item[],
  parts: (string | FilePart)[],
  write: (item: Item) => void,
): void {
  parts.push(open);
  for (const [index, item] of items.entries()) {
    if (index > 0) parts.push(",");
    write(item);
  }
  parts.push(close);
}

function isDocumentList(value: Document): value is readonly Document[] {
  return Array.isArray(value);
}

function bodyOf(type: string, parts: readonly (string | FilePart)[]): RequestBody {
  const merged: (Buffer | FilePart)[] = [];
  let text = "";
  for (const part of parts) {
    if (typeof part === "string") {
      text += part;
      continue;
    }
    merged.push(Buffer.from(text), part);
    text = "";
  }
  merged.push(Buffer.from(text));
  const bytes = merged.reduce(
    (sum, part) => sum + (Buffer.isBuffer(part) ? part.length : sentBytesOf(part)),
    0,
  );
  return { type, bytes, parts: merged };
}

function sentBytesOf({ fileBytes, isBase64 }: FilePart): number {
  return isBase64 ? Math.ceil(fileBytes / 3) * 4 : fileBytes;
}

function filePart(path: string, isBase64: boolean): FilePart {
  try {
    return { path, fileBytes: statSync(path).size, isBase64 };
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    const code = errno === "ENOENT" ? "file/missing" : "file/unreadable";
    throw new Failure(code, `cannot send the file ${path}`, { why: errno });
  }
}

async function* contentOf({ path, fileBytes, isBase64 }: FilePart): AsyncGenerator<Buffer> {
  let sentBytes = 0;
  let rest: Buffer = Buffer.alloc(0);
  const stream = createReadStream(path, { end: fileBytes - 1, highWaterMark: CHUNK_BYTES });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    sentBytes += chunk.length;
    if (!isBase64) {
      yield chunk;
      continue;
    }
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const wholeBytes = bytes.length - (bytes.length % 3);
    yield toBase64(bytes.subarray(0, wholeBytes));
    rest = bytes.subarray(wholeBytes);
  }
  if (sentBytes !== fileBytes) throw new Error(`${path} became shorter while it was sent`);
  if (rest.length > 0) yield toBase64(rest);
}

function toBase64(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString("base64"), "latin1");
}

/** By the rules of HTML for names in forms. */
function quoted(name: string): string {
  return name.replaceAll('"', "%22").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}
