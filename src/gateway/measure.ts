import type { IncomingMessage, ServerResponse } from "node:http";
import type { GatewayPort } from "./port.ts";

/** To be called when a request is over, with what it was. */
type Measured = (surface: string, route: string) => void;

/** Begins to measure a request that came at `startMs` of the monotonic clock. */
export function measureRequest(
  { clock, meter }: Pick<GatewayPort, "clock" | "meter">,
  { request, response, startMs }: { request: IncomingMessage; response: ServerResponse; startMs: number },
): Measured {
  const { socket } = request;
  // The head of this request has been read by now; that of the next one on the connection has not.
  const { bytesWritten } = socket;
  const bytesRead = socket.bytesRead - headBytes(request);
  let firstByteMs: number | null = null;
  const { writeHead } = response;
  // Every way to answer comes through here, and there is no event for it.
  response.writeHead = (...args: unknown[]) => {
    firstByteMs ??= clock.monotonicMs() - startMs;
    return Reflect.apply(writeHead, response, args) as ServerResponse;
  };
  meter.begin();
  return (surface, route) =>
    meter.end({
      surface,
      route,
      status: response.headersSent ? response.statusCode : null,
      tookMs: clock.monotonicMs() - startMs,
      firstByteMs,
      receivedBytes: Math.max(0, socket.bytesRead - bytesRead),
      sentBytes: Math.max(0, socket.bytesWritten - bytesWritten),
    });
}

/** About what the head of a request took on the wire. */
function headBytes({ method = "", url = "", rawHeaders }: IncomingMessage): number {
  return rawHeaders.reduce((sum, text) => sum + text.length + 2, method.length + url.length + 14);
}
