import type { ChildProcess } from "node:child_process";
import type { Clock } from "../std/clock.ts";

/** Decides when a helper that failed may be started again, so that a sick driver causes no storm of processes. */
export interface RestartLimit {
  /** Why none may be started now, or null when one may. */
  refusal(): string | null;
  failed(reason: string): void;
  succeeded(): void;
  /** Counts a killed child until the kernel has really ended it. */
  watchDying(child: ChildProcess): void;
}

/** More killed helpers than this are not left hanging in the driver at once. */
const maxHanging = 3;
const firstBackoffMs = 250;
const lastBackoffMs = 30_000;

/** The first restart is at once, the next ones after 250 ms, 500 ms … 30 s, until one succeeds. */
export function createRestartLimit(clock: Clock): RestartLimit {
  const hanging = new Set<ChildProcess>();
  let failures = 0;
  let retryAtMs = 0;
  let lastReason = "";
  return {
    refusal: () => {
      if (hanging.size >= maxHanging) {
        return `${hanging.size} earlier helpers hang in the driver and cannot be killed; last: ${lastReason}`;
      }
      const waitMs = Math.ceil(retryAtMs - clock.monotonicMs());
      return failures > 0 && waitMs > 0 ? `${lastReason}; it is tried again in ${waitMs} ms` : null;
    },
    failed: (reason) => {
      failures += 1;
      lastReason = reason;
      // One bad call is no sign of a sick driver, so its replacement does not wait.
      const waitMs = failures === 1 ? 0 : Math.min(lastBackoffMs, firstBackoffMs * 2 ** (failures - 2));
      retryAtMs = clock.monotonicMs() + waitMs;
    },
    succeeded: () => {
      failures = 0;
    },
    watchDying: (child) => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      hanging.add(child);
      child.once("exit", () => hanging.delete(child));
    },
  };
}
