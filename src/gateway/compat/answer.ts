import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

/** Answers with a JSON document on one line without spaces: users of the older systems cut fields out with text tools. */
export function answerJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  answerWith(response, status, JSON.stringify(body), { "content-type": "application/json", ...headers });
}

/** Answers with text. */
export function answerText(
  response: ServerResponse,
  status: number,
  text: string,
  headers: OutgoingHttpHeaders = {},
): void {
  answerWith(response, status, text, { "content-type": "text/plain; charset=utf-8", ...headers });
}

function answerWith(
  response: ServerResponse,
  status: number,
  text: string,
  headers: OutgoingHttpHeaders,
): void {
  if (response.destroyed || response.headersSent) return;
  // What is left of its body is not read.
  if (!response.req.complete) response.setHeader("connection", "close");
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(text) });
  response.end(text);
}
