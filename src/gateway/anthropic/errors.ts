import type { ServerResponse } from "node:http";
import type { Failure } from "../../std/failure.ts";
import { type ErrorShape, sendFailure, sentenceOf } from "../forward/send-failure.ts";

const TYPES: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
};

function anthropicError(failure: Failure): object {
  const status = failure.httpStatus;
  const type = TYPES[status] ?? (status >= 500 ? "api_error" : "invalid_request_error");
  return { type: "error", error: { type, message: sentenceOf(failure) } };
}

const shape: ErrorShape = {
  whole: anthropicError,
  piece: (failure) => `event: error\ndata: ${JSON.stringify(anthropicError(failure))}\n\n`,
};

/** Answers with what went wrong, as Anthropic's clients know it; a stream ends with it. */
export function sendAnthropicError(response: ServerResponse, error: unknown): void {
  sendFailure(response, error, shape);
}

/** An error that a server answered with after a stream had been begun. */
export function anthropicPieces(status: number, text: string): string {
  const line = text.replaceAll(/[\r\n]+/g, " ").trim();
  const isOwn = line.startsWith("{") && line.includes('"error"');
  const error = {
    type: "error",
    error: { type: TYPES[status] ?? "api_error", message: line.slice(0, 2_000) },
  };
  return `event: error\ndata: ${isOwn ? line : JSON.stringify(error)}\n\n`;
}
