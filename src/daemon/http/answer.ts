import type http from "node:http";
import { sendFile } from "../../gateway/send-file.ts";
import type { Context } from "../../operations/context.ts";
import type { OpenFile } from "../../protocol/open-file.ts";
import type { Caller } from "../../protocol/operation.ts";
import { giveWay } from "../../std/give-way.ts";
import { readInput } from "../jobs/read-input.ts";
import type { Match } from "./router.ts";
import { sentFile } from "./sent-file.ts";
import { writeJson } from "./write-json.ts";

/** A request of a caller who has been let in, by whatever door. */
export interface Asked {
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  /** Without the question mark. */
  readonly query: string;
  readonly caller: Caller;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
}

/** Runs an operation and answers with what comes of it, a document or a stream. @throws Failure of many kinds */
export async function answer(ctx: Context, match: Match, asked: Asked): Promise<void> {
  const { request, response, query, caller, signal } = asked;
  const { operation } = match;
  const input =
    operation.takes === "file" ? { file: sentFile(request) } : await readInput(request, query, match);
  const given = operation.run(ctx, input, caller, signal);
  if (operation.answers === "file") await sendFile(request, response, (await given) as OpenFile);
  else if (given instanceof Promise) await sendJson(response, 200, await given);
  else await sendStream(response, given);
}

/** Answers with a JSON document. */
export async function sendJson(response: http.ServerResponse, status: number, body: unknown): Promise<void> {
  const pieces = await writeJson(body);
  const [only] = pieces;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": pieces.reduce((sum, piece) => sum + piece.length, 0),
  });
  if (pieces.length === 1) return void response.end(only);
  for (const piece of pieces) {
    if (response.destroyed) return;
    if (!response.write(piece)) await drained(response);
    await giveWay();
  }
  response.end();
}

/** One JSON document per line; the stream waits for slow readers and ends when they leave. */
async function sendStream(response: http.ServerResponse, lines: AsyncIterable<unknown>): Promise<void> {
  for await (const line of lines) {
    if (response.destroyed) break;
    if (!response.headersSent) response.writeHead(200, { "content-type": "application/x-ndjson" });
    if (!response.write(`${JSON.stringify(line)}\n`)) await drained(response);
    // A reader that is fast enough lets it go on for ever within one turn.
    await giveWay();
  }
  if (!response.headersSent) response.writeHead(200, { "content-type": "application/x-ndjson" });
  response.end();
}

function drained(response: http.ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });
}
