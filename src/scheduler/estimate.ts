import type { Job } from "./job-model.ts";
import { activeWorkers, hasSleeper } from "./lane-workers.ts";
import { deviationMs, type RunStats } from "./learned.ts";
import type { Lane, State } from "./model.ts";

/** Start assumed on a host that has not started anything yet: ten seconds, a mid-sized model from a fast disk. */
const UNKNOWN_START_MS = 10_000;
/** Run assumed on a host that has not run anything yet. */
const UNKNOWN_RUN_MS = 60_000;
/** A run is expected to take at most this many deviations longer than the mean: Cantelli's inequality gives 80 %. */
const SAFE_DEVIATIONS = 2;

/**
 * Expected time from the grant of its GPUs until a worker of the lane is ready. A command has nothing to load before it runs:
 * 0 until measured. Milliseconds.
 */
export function startMs({ learned, prior, pooled, spec }: Lane): number {
  const measuredMs = learned.startMs ?? prior.startMs;
  if (measuredMs !== null) return measuredMs;
  return spec.residency === "one-shot" ? 0 : meanOr(pooled.start, UNKNOWN_START_MS);
}

function meanOr({ count, meanMs }: RunStats, otherwiseMs: number): number {
  return count > 0 ? meanMs : otherwiseMs;
}

/** Expected time until what the lane's programs need is made. Milliseconds; 0 until measured. */
export function prepareMs({ learned, prior }: Lane): number {
  return learned.prepareMs ?? prior.prepareMs ?? 0;
}

/** Expected time from the stop order to the exit. Milliseconds; 0 until measured. */
export function stopMs(lane: Lane): number {
  return lane.learned.stopMs ?? lane.prior.stopMs ?? meanOr(lane.pooled.stop, 0);
}

/** Until it is measured, waking is taken to last this share of a start: engines are said to need a tenth to a hundredth. */
const UNKNOWN_WAKE_SHARE = 0.1;

/** Expected time from the order to wake until a worker of the lane is ready. Milliseconds. */
export function wakeMs(lane: Lane): number {
  return lane.learned.wakeMs ?? lane.prior.wakeMs ?? UNKNOWN_WAKE_SHARE * startMs(lane);
}

/** Expected time from the order to sleep until the VRAM is given back. Milliseconds. */
export function sleepMs(lane: Lane): number {
  return lane.learned.sleepMs ?? lane.prior.sleepMs ?? UNKNOWN_WAKE_SHARE * startMs(lane);
}

/** Expected time until the lane has its next worker: one that sleeps is woken. Milliseconds. */
export function readyMs(lane: Lane): number {
  return hasSleeper(lane) ? wakeMs(lane) : startMs(lane);
}

/** Expected time from when a worker of the lane has to make room until it has. Milliseconds. */
export function leaveMs(lane: Lane): number {
  return isWarm(lane) ? sleepMs(lane) : stopMs(lane);
}

/** Expected cost of starting a worker of the lane and of stopping it again. Milliseconds. */
export function coldSwitchMs(lane: Lane): number {
  return startMs(lane) + stopMs(lane);
}

/** What is added to a switch to the lane if its worker is stopped instead of put to sleep. Milliseconds. */
export function coldPenaltyMs(lane: Lane): number {
  return Math.max(0, coldSwitchMs(lane) - wakeMs(lane) - sleepMs(lane));
}

/**
 * Expected cost of making the lane resident and of ending that again: waking and sleeping where a worker sleeps or has been
 * seen to. Milliseconds.
 */
export function switchCostMs(lane: Lane): number {
  return isWarm(lane) ? wakeMs(lane) + sleepMs(lane) : coldSwitchMs(lane);
}

/** Whether the next switch to the lane, or from it and back, is a matter of sleeping and waking. */
export function isWarm(lane: Lane): boolean {
  if (lane.spec.sleep === null) return false;
  if (hasSleeper(lane)) return true;
  const { wakeMs: measuredMs, noSleepUntilMs } = lane.learned;
  if (measuredMs === null || noSleepUntilMs !== null) return false;
  return activeWorkers(lane).count > 0;
}

/** Expected run of one of the lane's jobs: the mean of its own runs, else of its runtime's, else of all. Milliseconds. */
export function laneRunMs(state: State, lane: Lane): number {
  const { count, meanMs } = lane.learned.run;
  const prior = lane.prior.run.count > 0 ? lane.prior.run : state.pooled.run;
  if (count > 0) return meanMs;
  return prior.count > 0 ? prior.meanMs : UNKNOWN_RUN_MS;
}

/** Expected run of this job: by jobs of its kind, else of its lane; never more than its time limit. Milliseconds. */
export function runMs(state: State, job: Job): number {
  const { estimate, timeLimitMs } = job.terms;
  const expected = estimate && estimate.run.count > 0 ? estimate.run.meanMs : laneRunMs(state, job.lane);
  return timeLimitMs === null ? expected : Math.min(expected, timeLimitMs);
}

/**
 * A run that this job will hardly exceed, for promises to others: its time limit, or less if its kind was measured
 * often enough. Null when nothing is known. Milliseconds.
 */
export function longestRunMs(job: Job): number | null {
  const { estimate, timeLimitMs } = job.terms;
  const measured = bestMeasured(estimate?.run ?? null, job.lane.learned.run);
  if (measured === null) return timeLimitMs;
  const safeMs = measured.meanMs + SAFE_DEVIATIONS * deviationMs(measured);
  return timeLimitMs === null ? safeMs : Math.min(safeMs, timeLimitMs);
}

/** Fewer runs than this say too little of how far runs scatter. */
const ENOUGH_RUNS = 3;

function bestMeasured(group: RunStats | null, lane: RunStats): RunStats | null {
  if (group !== null) return group.count >= ENOUGH_RUNS ? group : null;
  return lane.count >= ENOUGH_RUNS ? lane : null;
}

/** From when a job with a deadline goes before its equals: twice what it needs before the deadline. */
export function urgentAtMs(state: State, job: Job, deadlineMs: number): number {
  return deadlineMs - 2 * (runMs(state, job) + switchCostMs(job.lane));
}
