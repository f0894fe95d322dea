import type { ServerResponse } from "node:http";

/** Answers with a JSON document. */
export function answerJson(response: ServerResponse, document: object): void {
  const body = JSON.stringify(document);
  if (response.headersSent) return void response.end(body);
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}
