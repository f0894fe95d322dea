import {
  request as ask,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from "node:http";
import type { Duplex } from "node:stream";
import type { Outcome } from "../forward/in-turn.ts";
import { BrokenOff } from "../forward/send.ts";
import type { Exchange } from "../port.ts";

/** Where the other end is. */
export interface Target {
  /** Path of a Unix socket, or http://127.0.0.1:port. */
  readonly endpoint: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What of its headers the caller gets. */
  readonly headersOf: (given: IncomingHttpHeaders) => OutgoingHttpHeaders;
}

/**
 * Joins the caller's WebSocket with one of the worker's server, until one of them ends it. A server that wants none answers as it does.
 * @throws BrokenOff when the server was not reached; the reason of the signal
 */
export function passSocket(exchange: Exchange, target: Target): Promise<Outcome> {
  const { endpoint, path, headers, headersOf } = target;
  const { request, response, signal } = exchange;
  const place = endpoint.startsWith("/") ? { socketPath: endpoint } : addressOf(endpoint);
  return new Promise((resolve, reject) => {
    const asked = ask({
      ...place,
      path,
      method: request.method,
      headers: { ...headers, connection: "Upgrade", upgrade: "websocket" },
      agent: false,
    });
    const onAbort = (): void => void asked.destroy();
    signal.addEventListener("abort", onAbort);
    asked.once("error", (error) =>
      reject(signal.aborted ? signal.reason : new BrokenOff(error.message, false)),
    );
    asked.once("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, headersOf(answer.headers));
      answer.pipe(response);
      answer.once("close", () => resolve("succeeded"));
    });
    asked.once("upgrade", (answer, upstream, head) => {
      signal.removeEventListener("abort", onAbort);
      response.writeHead(101, {
        ...headersOf(answer.headers),
        connection: "Upgrade",
        upgrade: "websocket",
      });
      response.flushHeaders();
      if (head.length > 0) upstream.unshift(head);
      join(request, upstream, () => resolve("succeeded"));
    });
    asked.end();
  });
}

function addressOf(endpoint: string): { readonly host: string; readonly port: string } {
  const { hostname, port } = new URL(endpoint);
  return { host: hostname, port };
}

/** What one side ends, the other one ends too. */
function join({ socket }: IncomingMessage, upstream: Duplex, whenOver: () => void): void {
  const end = (): void => {
    socket.destroy();
    upstream.destroy();
    whenOver();
  };
  for (const side of [socket, upstream]) side.on("error", end).once("close", end);
  socket.pipe(upstream);
  upstream.pipe(socket);
}
