import type { ServerResponse } from "node:http";
import { type Failure, toFailure } from "../../std/failure.ts";
import { TooMany } from "../too-many.ts";

/** How the clients of an API are told what went wrong. */
export interface ErrorShape {
  whole(failure: Failure): object;
  /** The last piece of a stream. */
  piece(failure: Failure): string;
}

/** A stream ends with the error; an answer that is under way in another way is cut off, so that nobody takes it for whole. */
export function sendFailure(response: ServerResponse, error: unknown, shape: ErrorShape): void {
  if (response.destroyed || response.writableEnded) return;
  const failure = toFailure(error);
  if (response.headersSent) {
    const type = String(response.getHeader("content-type") ?? "");
    const isStream = /^(?:text\/event-stream|application\/x-ndjson)/.test(type);
    return void (isStream ? response.end(shape.piece(failure)) : response.destroy());
  }
  if (failure instanceof TooMany && Number.isFinite(failure.retryAfterMs))
    response.setHeader("retry-after", Math.max(1, Math.ceil(failure.retryAfterMs / 1000)));
  if (failure.code === "key/refused") response.setHeader("www-authenticate", 'Bearer realm="orch"');
  // What is left of its body is not read.
  if (!response.req.complete) response.setHeader("connection", "close");
  const body = JSON.stringify(shape.whole(failure));
  response.writeHead(failure.httpStatus, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

/** One sentence with what can be done about it. */
export function sentenceOf(failure: Failure): string {
  return failure.hint === undefined ? failure.sentence : `${failure.sentence} (${failure.hint})`;
}
