import type { IncomingMessage, ServerResponse } from "node:http";
import { isTls } from "../is-tls.ts";

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
export function originOf(request: IncomingMessage): string {
  const { headers } = request;
  const isSecure = isTls(request) || headers["x-forwarded-proto"] === "https";
  return `${isSecure ? "https" : "http"}://${headers.host ?? "localhost"}`;
}
