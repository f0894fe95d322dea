import type { ServerResponse } from "node:http";

/** Browsers and proxies give up on a stream that is silent for a minute. */
const HEARTBEAT_MS = 15_000;

/** A stream of server-sent events as browsers read them (EventSource). */
export interface EventStream {
  /** Sends what `eventText` made. False when the reader lags: see `drained`. */
  send(text: string | Buffer): boolean;
  /** What waits to be read. */
  unreadBytes(): number;
  /** Resolves when all that was sent is on its way, or the reader has gone. */
  drained(): Promise<void>;
  end(): void;
  /** Hangs up, whatever was not read. */
  cut(): void;
}

/** Begins the stream. It beats until the reader has gone. */
export function openEventStream(response: ServerResponse): EventStream {
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store, no-transform",
    // Proxies that collect answers before they pass them on are told not to.
    "x-accel-buffering": "no",
  });
  response.write("retry: 2000\n\n");
  const heart = setInterval(() => response.write(": \n\n"), HEARTBEAT_MS);
  heart.unref();
  response.once("close", () => clearInterval(heart));
  return {
    send: (text) => response.write(text),
    unreadBytes: () => response.writableLength,
    drained: () => untilDrained(response),
    end: () => void response.end(),
    cut: () => void response.destroy(),
  };
}

/** Resolves when all that was written is on its way, or the reader has gone. */
export function untilDrained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    if (!response.writableNeedDrain || response.destroyed) return resolve();
    response.on("drain", done);
    response.on("close", done);
  });
}

/** An event as it is sent. JSON has no line breaks of its own. @param type left out = "message" */
export function eventText(id: string, data: string, type?: string): string {
  return `id: ${id}\n${type === undefined ? "" : `event: ${type}\n`}data: ${data}\n\n`;
}

/** The id of the last event that a reader who comes back has seen; null = none. */
export function lastEventId(headers: Readonly<Record<string, string | string[] | undefined>>): string | null {
  const given = headers["last-event-id"];
  return typeof given === "string" && given !== "" ? given : null;
}
