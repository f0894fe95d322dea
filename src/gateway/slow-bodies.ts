import type { IncomingMessage, Server, ServerResponse } from "node:http";

interface Pace {
  /** Until all of a request has to be there, unless it comes fast enough. */
  readonly requestMs: number;
  /** Large files take their time: as long as so much comes in a second, they may. */
  readonly leastBytesPerSecond: number;
  readonly checkMs: number;
}

interface Coming {
  readonly response: ServerResponse;
  /** What the connection had brought when the request began. */
  readonly fromBytes: number;
  /** For how long we waited for more. */
  waitedMs: number;
}

/** Cuts requests off whose bodies take too long, Node's own deadline being one for all of them. Gives what ends it. */
export function watchBodies(server: Server, { requestMs, leastBytesPerSecond, checkMs }: Pace): () => void {
  const coming = new Map<IncomingMessage, Coming>();
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    coming.set(request, { response, fromBytes: request.socket.bytesRead, waitedMs: 0 });
    request.once("close", () => coming.delete(request));
  });
  const timer = setInterval(() => {
    for (const [request, body] of coming) {
      if (request.complete) {
        coming.delete(request);
        continue;
      }
      // What we do not take in is not late.
      if (request.readableLength >= request.readableHighWaterMark) continue;
      body.waitedMs += checkMs;
      const bytes = request.socket.bytesRead - body.fromBytes;
      if (body.waitedMs < requestMs || (bytes * 1000) / body.waitedMs >= leastBytesPerSecond) continue;
      if (!body.response.headersSent)
        request.socket.write("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n\r\n");
      request.socket.destroy();
    }
  }, checkMs);
  timer.unref();
  return () => clearInterval(timer);
}
