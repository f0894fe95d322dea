import type { ServerResponse } from "node:http";
import { Failure } from "../../std/failure.ts";
import { type ErrorShape, sendFailure, sentenceOf } from "../forward/send-failure.ts";

/** What OpenAI calls some of our failures; all others keep their own code. */
const CODES: Readonly<Record<string, string>> = {
  "key/refused": "invalid_api_key",
  "runtime/unknown": "model_not_found",
  "request/too-many": "rate_limit_exceeded",
  "quota/refused": "rate_limit_exceeded",
};

/** An error as OpenAI's clients know it. */
export function openaiError(failure: Failure): object {
  const { code, httpStatus } = failure;
  return {
    error: {
      message: sentenceOf(failure),
      type: typeOf(httpStatus),
      param: code === "runtime/unknown" ? "model" : null,
      code: CODES[code] ?? code,
    },
  };
}

function typeOf(status: number): string {
  if (status === 429) return "rate_limit_error";
  if (status === 403) return "permission_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

const shape: ErrorShape = {
  whole: openaiError,
  piece: (failure) => `data: ${JSON.stringify(openaiError(failure))}\n\n`,
};

/** Answers with what went wrong; a stream ends with it. */
export function sendOpenaiError(response: ServerResponse, error: unknown): void {
  // The client would try it three times, and a model that cannot be loaded is loaded three times.
  const isInVain = error instanceof Failure && error.code === "runtime/start-failed";
  if (isInVain && !response.headersSent) response.setHeader("x-should-retry", "false");
  sendFailure(response, error, shape);
}

/** What a server answered whole, where a stream had been begun: an error of its own, or the answer as one piece. */
export function openaiPieces(status: number, text: string): string {
  const line = text.replaceAll(/[\r\n]+/g, " ").trim();
  if (status < 300) return `data: ${line}\n\ndata: [DONE]\n\n`;
  return `data: ${isError(line) ? line : JSON.stringify(wrapped(status, line))}\n\n`;
}

function isError(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "error" in value;
  } catch {
    return false;
  }
}

function wrapped(status: number, line: string): object {
  const message = line === "" ? `the worker answered with ${status}` : line.slice(0, 2_000);
  return { error: { message, type: typeOf(status), param: null, code: null } };
}
