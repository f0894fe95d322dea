import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parseJobEvent } from "./job-event.ts";
import { createLineSplitter } from "./line-splitter.ts";
import type { JobEvent } from "./protocol.ts";

const POLL_MS = 200;
const CHUNK_BYTES = 64 * 1024;

/** A follower at work. */
export interface EventFollower {
  /** To be called when the program has ended: reads what is left, then stops. Idempotent; never rejects. */
  stop(): Promise<void>;
}

/**
 * Follows the file that a program of protocol `exec` appends its events to (ORCH_EVENTS), from its start: after a
 * restart of the daemon all events are seen again. `onEvent` gets progress, log, text, output and artifact; lines that are
 * none of these, and a last line without its end, are passed over. The file need not be there (yet).
 */
export function followExecEvents(path: string, onEvent: (event: JobEvent) => void): EventFollower {
  const lines = createLineSplitter();
  const stopping = new AbortController();
  let offset = 0;

  const readNew = async (): Promise<void> => {
    const file = await open(path, "r").catch(() => null);
    if (file === null) return;
    try {
      offset = await readFrom(file, offset, (chunk) => {
        for (const line of lines.push(chunk)) {
          const event = parseJobEvent(line);
          if (event !== null && event.type !== "done" && event.type !== "error") onEvent(event);
        }
      });
    } finally {
      await file.close();
    }
  };

  const follow = async (): Promise<void> => {
    for (;;) {
      await sleep(POLL_MS, undefined, { ref: false, signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) break;
      await readNew();
    }
    // A read that was under way when stop() was called may have missed the program's last words.
    await readNew();
  };

  const stopped = follow();
  return {
    stop() {
      stopping.abort();
      return stopped;
    },
  };
}

/** Hands the bytes from `offset` to the end of the file (or to trouble) to `take`; gives where it stopped. */
async function readFrom(file: FileHandle, offset: number, take: (chunk: Buffer) => void): Promise<number> {
  let position = offset;
  for (;;) {
    // A fresh buffer each time: the line splitter keeps pieces of it.
    const read = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, position).catch(() => null);
    if (read === null || read.bytesRead === 0) return position;
    take(read.buffer.subarray(0, read.bytesRead));
    position += read.bytesRead;
  }
}
