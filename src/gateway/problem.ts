import type { ServerResponse } from "node:http";
import { type Failure, toFailure } from "../std/failure.ts";
import { TooMany } from "./too-many.ts";

/**
 * Answers with what went wrong, as RFC 9457 has it; `code`, `why` and `hint` are as on the socket. A stream that has begun
 * ends with a line of it.
 */
export function sendProblem(response: ServerResponse, error: unknown): void {
  if (response.destroyed) return;
  const failure = toFailure(error);
  if (response.headersSent) return void response.end(`${JSON.stringify({ error: failure.toBody() })}\n`);
  const body = `${JSON.stringify(problemOf(failure))}\n`;
  if (failure instanceof TooMany && Number.isFinite(failure.retryAfterMs))
    response.setHeader("retry-after", Math.max(1, Math.ceil(failure.retryAfterMs / 1000)));
  if (failure.code === "key/refused") response.setHeader("www-authenticate", 'Bearer realm="orch"');
  // What is left of its body is not read.
  response.setHeader("connection", "close");
  response.writeHead(failure.httpStatus, {
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

function problemOf(failure: Failure) {
  const { code, message, why, hint } = failure.toBody();
  return {
    type: `urn:orch:error:${code}`,
    title: message,
    status: failure.httpStatus,
    ...(why === undefined ? {} : { detail: why }),
    code,
    ...(hint === undefined ? {} : { hint }),
  };
}
