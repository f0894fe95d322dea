import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../../std/clock.ts";
import { type ContainerRef, callEngine } from "./container-cli.ts";

/** Between two words to the engine: a container that is just being made is not there yet, and starts after a stop. */
const FIRST_PAUSE_MS = 50;
const LAST_PAUSE_MS = 500;
/** How long KILL through the engine may take before the engine's client and all that can be seen are killed as well. */
const KILL_PATIENCE_MS = 5_000;
const CALL_DEADLINE_MS = 20_000;

/** A stop under way. */
export interface ContainerStop {
  /** When what still runs is killed, on the monotonic clock. */
  readonly atMs: number;
  /** Brings the deadline forward; never back. */
  hasten(atMs: number): void;
  /** Resolves when `gone` has. */
  readonly done: Promise<void>;
}

export interface StopOptions {
  readonly ref: ContainerRef;
  readonly graceMs: number;
  /** Resolves when the container and its supervisor are gone. */
  readonly gone: Promise<unknown>;
  /** Kills the processes themselves, for an engine that does not. */
  readonly killProcesses: () => void;
  readonly clock: Clock;
}

/**
 * Stops a container by its engine: `stop` until the deadline, then `kill`. Both are repeated until it is gone, since the
 * engine may not have made it yet, may be restarting, or may have failed.
 */
export function stopContainer({ ref, graceMs, gone, killProcesses, clock }: StopOptions): ContainerStop {
  let atMs = clock.monotonicMs() + graceMs;
  let isGone = false;
  let haste = new AbortController();
  const ended = gone.then(() => {
    isGone = true;
    haste.abort();
  });
  const word = async (args: readonly string[], deadlineMs: number): Promise<void> => {
    haste = new AbortController();
    const { signal } = haste;
    await callEngine(ref, [...args, ref.name], { deadlineMs, signal });
  };
  const run = async (): Promise<void> => {
    let pauseMs = FIRST_PAUSE_MS;
    let hasKilled = false;
    while (!isGone) {
      const leftMs = atMs - clock.monotonicMs();
      if (leftMs > 0) await word(["stop", "-t", String(Math.ceil(leftMs / 1000))], leftMs);
      else await word(["kill"], CALL_DEADLINE_MS);
      if (leftMs < -KILL_PATIENCE_MS && !hasKilled) {
        hasKilled = true;
        killProcesses();
      }
      await Promise.race([ended, sleep(pauseMs)]);
      pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
    }
  };
  return {
    get atMs() {
      return atMs;
    },
    hasten(wantedMs) {
      if (wantedMs >= atMs) return;
      atMs = wantedMs;
      haste.abort();
    },
    done: run(),
  };
}
