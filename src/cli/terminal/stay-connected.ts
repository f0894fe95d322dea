import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "../../std/failure.ts";
import type { Context } from "../context.ts";

const RECONNECT_FOR_MS = 60_000;
const RECONNECT_EVERY_MS = 200;

export interface Connecting {
  readonly signal: AbortSignal;
  /** Reads a stream to its end. `heard` is called for each line: with the first one the daemon is back. */
  readonly read: (heard: () => void) => Promise<void>;
  /** Whether all that was waited for has come. */
  readonly isDone: () => boolean;
  /** Whether to wait for the daemon at all: before anything was heard, a loss is an answer. */
  readonly mayWait: () => boolean;
  /** Says that the daemon is lost; that it is waited for follows. */
  readonly notice: string;
}

/**
 * Reads a stream that outlives the daemon: a broken connection is taken up again for a minute.
 * @throws Failure daemon/unreachable when it does not return, and whatever `read` throws otherwise
 */
export async function stayConnected(context: Context, connecting: Connecting): Promise<void> {
  const { signal, read, isDone } = connecting;
  let lostAtMs: number | undefined;
  while (!isDone() && !signal.aborted) {
    try {
      await read(() => {
        lostAtMs = undefined;
      });
      if (!isDone() && !signal.aborted) throw brokenOff();
    } catch (error) {
      if (!(error instanceof Failure) || !isLoss(error) || !connecting.mayWait()) throw error;
      const nowMs = context.io.clock.monotonicMs();
      if (lostAtMs === undefined)
        context.out.note(`${connecting.notice}; waiting a minute for it to return (orch up starts it)`);
      lostAtMs ??= nowMs;
      if (nowMs - lostAtMs > RECONNECT_FOR_MS) throw error;
      await delay(RECONNECT_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

function isLoss(failure: Failure): boolean {
  return failure.code === "daemon/unreachable" || failure.code === "daemon/stopping";
}

function brokenOff(): Failure {
  return new Failure("daemon/unreachable", "the daemon ended the stream before the jobs", {
    hint: "orch status",
  });
}
