import type { ServerResponse } from "node:http";
import { type ErrorShape, sendFailure, sentenceOf } from "../forward/send-failure.ts";

const shape: ErrorShape = {
  whole: (failure) => ({ error: sentenceOf(failure) }),
  piece: (failure) => `${JSON.stringify({ error: sentenceOf(failure) })}\n`,
};

/** Answers with what went wrong, as Ollama's clients know it; a stream ends with it. */
export function sendOllamaError(response: ServerResponse, error: unknown): void {
  sendFailure(response, error, shape);
}
