import type { IncomingMessage, ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";

/** Answers with a JSON document. */
export function sendJson(response: ServerResponse, status: number, body: object): void {
  if (response.destroyed) return;
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

/** How the caller reaches the gateway: scheme, name and port. A proxy says what came to it by x-forwarded-proto. */
export function originOf({ headers, socket }: IncomingMessage): string {
  const isTls = (socket as TLSSocket).encrypted === true || headers["x-forwarded-proto"] === "https";
  return `${isTls ? "https" : "http"}://${headers.host ?? "localhost"}`;
}
