import type { ServerResponse } from "node:http";
import { type Failure, toFailure } from "../../std/failure.ts";
import { TooMany } from "../too-many.ts";
import { sendJson } from "./send-json.ts";

/** What is wrong with an input is 422 with both; the rest is as everywhere. */
function statusOf({ code, httpStatus }: Failure): number {
  const isInput = /^(param|file)\//.test(code) || code === "idempotency/conflict" || code === "usage/invalid";
  return isInput ? 422 : httpStatus;
}

function sentenceOf({ sentence, hint }: Failure): string {
  return hint === undefined ? sentence : `${sentence} (${hint})`;
}

/** The param that a failure is about; null = none. */
function paramOf({ code, message }: Failure): string | null {
  return code.startsWith("param/") || code.startsWith("file/")
    ? (/param "([^"]*)"/.exec(message)?.[1] ?? null)
    : null;
}

/** Answers as Replicate's API does. */
export function sendReplicateError(response: ServerResponse, error: unknown): void {
  send(response, error, (failure, status) => ({
    type: `urn:orch:error:${failure.code}`,
    title: failure.message,
    status,
    detail: sentenceOf(failure),
    code: failure.code,
    ...fieldsOf(failure),
  }));
}

function fieldsOf(failure: Failure): object {
  const field = paramOf(failure);
  if (field === null) return {};
  return { invalid_fields: [{ type: failure.code, field: `input.${field}`, description: failure.sentence }] };
}

/** Answers as the server of a Cog container does. */
export function sendCogError(response: ServerResponse, error: unknown): void {
  send(response, error, (failure, status) => {
    const param = paramOf(failure);
    const where = param === null ? ["body"] : ["body", "input", param];
    return {
      detail:
        status === 422 ? [{ loc: where, msg: sentenceOf(failure), type: failure.code }] : sentenceOf(failure),
    };
  });
}

function send(
  response: ServerResponse,
  error: unknown,
  shape: (failure: Failure, status: number) => object,
): void {
  if (response.destroyed) return;
  const failure = toFailure(error);
  const status = statusOf(failure);
  const body = shape(failure, status);
  if (response.headersSent) return void response.end(`event: error\ndata: ${JSON.stringify(body)}\n\n`);
  if (failure instanceof TooMany && Number.isFinite(failure.retryAfterMs))
    response.setHeader("retry-after", Math.max(1, Math.ceil(failure.retryAfterMs / 1000)));
  if (failure.code === "key/refused") response.setHeader("www-authenticate", 'Bearer realm="orch"');
  // What is left of its body is not read.
  response.setHeader("connection", "close");
  sendJson(response, status, body);
}
