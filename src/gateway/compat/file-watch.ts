import { statSync } from "node:fs";
import type { Clock } from "../../std/clock.ts";

/** Disks are looked at no more often. */
const LOOK_MS = 500;

/** Whether files have changed since they were last read. */
export interface FileWatch {
  /** True on the first call, and whenever one of the files is another than at the last call. */
  hasChanged(paths: readonly string[]): boolean;
}

/**
 * Watches by looking: a file that was replaced, and one that came or went, are seen as well.
 * @param lookMs how long an answer holds; 0 = looks each time
 */
export function createFileWatch(clock: Clock, lookMs = LOOK_MS): FileWatch {
  let seen: string | null = null;
  let lookedMs = Number.NEGATIVE_INFINITY;
  return {
    hasChanged(paths) {
      const nowMs = clock.monotonicMs();
      if (nowMs - lookedMs < lookMs) return false;
      lookedMs = nowMs;
      const stamps = JSON.stringify(paths.map((path) => [path, stampOf(path)]));
      const isOther = stamps !== seen;
      seen = stamps;
      return isOther;
    },
  };
}

function stampOf(path: string): string | null {
  const stats = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stats === undefined ? null : `${stats.ino}.${stats.size}.${stats.mtimeNs}.${stats.ctimeNs}`;
}
