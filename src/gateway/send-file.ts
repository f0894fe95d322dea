import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { OpenFile } from "../protocol/open-file.ts";

/** What browsers show as what it is, and nothing runs in it. The rest is for saving. */
const SHOWN = /^((image|audio|video)\/(?!svg)[\w.+-]+|text\/plain|application\/json)$/;

/**
 * Answers with a file, or the range of it that is asked for (RFC 9110, one range), and closes it. A model made it, or whoever
 * submitted the job: a browser that opens it runs none of it.
 */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  { handle, name, type, bytes, changedAtMs }: OpenFile,
): Promise<void> {
  try {
    if (response.destroyed) return;
    const etag = `"${bytes.toString(36)}-${Math.round(changedAtMs).toString(36)}"`;
    const isShown = type !== null && SHOWN.test(type);
    response.setHeader("content-security-policy", "default-src 'none'; sandbox; frame-ancestors 'none'");
    response.setHeader("x-content-type-options", "nosniff");
    response.setHeader("accept-ranges", "bytes");
    response.setHeader("cache-control", "private, no-cache");
    response.setHeader("etag", etag);
    if (request.headers["if-none-match"] === etag) return void response.writeHead(304).end();
    const range = rangeOf(request, etag, bytes);
    if (range === null)
      return void response.writeHead(416, { "content-range": `bytes */${bytes}`, "content-length": 0 }).end();
    const { from, to, isPart } = range;
    response.writeHead(isPart ? 206 : 200, {
      "content-type": isShown
        ? type === "text/plain"
          ? `${type}; charset=utf-8`
          : type
        : "application/octet-stream",
      "content-length": to - from,
      "content-disposition": disposition(name, isShown),
      ...(isPart ? { "content-range": `bytes ${from}-${to - 1}/${bytes}` } : {}),
    });
    if (from === to) return void response.end();
    await pipeline(handle.createReadStream({ start: from, end: to - 1, autoClose: false }), response).catch(
      // Who has gone needs no more of it.
      () => response.destroy(),
    );
  } finally {
    await handle.close();
  }
}

interface Range {
  readonly from: number;
  /** The first byte behind it. */
  readonly to: number;
  readonly isPart: boolean;
}

/** Null = nothing of the file is in it. What is no single range, or of another version of the file, means all of it. */
function rangeOf({ headers }: IncomingMessage, etag: string, bytes: number): Range | null {
  const whole = { from: 0, to: bytes, isPart: false };
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(headers.range ?? "") ?? [];
  const condition = headers["if-range"];
  if ((first === "" && last === "") || (condition !== undefined && condition !== etag)) return whole;
  const from = first === "" ? Math.max(0, bytes - Number(last)) : Number(first);
  const to = first === "" || last === "" ? bytes : Math.min(bytes, Number(last) + 1);
  return from < to ? { from, to, isPart: true } : null;
}

/** Its name without folders; other letters than ASCII by RFC 8187. */
function disposition(name: string, isShown: boolean): string {
  const base = name.slice(name.lastIndexOf("/") + 1);
  const plain = base.replaceAll(/[^\w.+ -]/g, "_");
  const exact = encodeURIComponent(base).replaceAll(
    /['()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16)}`,
  );
  return `${isShown ? "inline" : "attachment"}; filename="${plain}"; filename*=UTF-8''${exact}`;
}
