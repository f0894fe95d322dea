import { deviationMs, type RunStats } from "../scheduler/learned.ts";
import { formatDurationMs } from "../std/duration.ts";

/** How long a worker may take until it is ready, and why so long: part of what is said when it takes longer. */
export interface ReadyDeadline {
  readonly deadlineMs: number;
  readonly why: string;
}

/** Of a runtime that says nothing and was never seen to start: large models from slow disks take minutes. */
const UNKNOWN_MS = 600_000;
/** Fewer starts than this say too little of how far they scatter. */
const ENOUGH_STARTS = 3;
/** Nearly all starts take less than the mean and three deviations; three times that leaves room for a cold page cache. */
const DEVIATIONS = 3;
const FACTOR = 3;
const LEAST_MS = 60_000;
const MOST_MS = 1_800_000;

/**
 * The deadline of a start: as declared, else learned from the lane's own starts. Each failed start in a row doubles what
 * was learned: what was quick so far may have become slow for a reason.
 * @param load measured times from the program's start to readiness
 * @param failures failed starts in a row
 */
export function readyDeadline(declaredMs: number | null, load: RunStats, failures: number): ReadyDeadline {
  if (declaredMs !== null) return { deadlineMs: declaredMs, why: "as its runtime declares" };
  if (load.count < ENOUGH_STARTS)
    return { deadlineMs: UNKNOWN_MS, why: "too few of its starts were measured to know better" };
  const safeMs = FACTOR * (load.meanMs + DEVIATIONS * deviationMs(load)) * 2 ** failures;
  const why = `learned: ${load.count} starts took ${formatDurationMs(load.meanMs)} on average`;
  return { deadlineMs: Math.min(MOST_MS, Math.max(LEAST_MS, Math.ceil(safeMs))), why };
}
