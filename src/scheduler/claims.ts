import { isUsable } from "./capacity.ts";
import { leaveMs, longestRunMs, readyMs, runMs, startMs, stopMs, wakeMs } from "./estimate.ts";
import { isLeaving } from "./fits.ts";
import type { Job } from "./job-model.ts";
import type { Gpu, Lane, State, Worker } from "./model.ts";
import type { Offer } from "./placement.ts";

/**
 * GPUs that are promised to a lane which cannot start yet, and from when on it will need them. Until then they may be
 * lent to work that ends before: that is backfill (EASY; Lifka, 1995).
 */
export interface Claims {
  /** Promises the GPUs of these offers to `lane` from the time at which the last of them is expected to be free. */
  promise(lane: Lane, chosen: readonly Offer[]): void;
  has(gpu: Gpu): boolean;
  /** When the first promise on these GPUs falls due; null = none is promised. */
  dueMs(gpus: Iterable<Gpu>): number | null;
  /** Whether nothing stands in the way of work of this length on `gpu`. Null = nobody knows how long it takes. */
  allow(gpu: Gpu, lengthMs: number | null): boolean;
  readonly size: number;
  /** Whether nothing is left for anybody: every GPU is promised, and none could be lent meanwhile. */
  isAllTaken(): boolean;
}

/** No promises yet. */
export function createClaims(state: State, nowMs: number): Claims {
  const due = new Map<Gpu, number>();
  let usable = 0;
  for (const gpu of state.gpus.values()) if (isUsable(gpu)) usable += 1;
  return {
    promise(lane, chosen) {
      const expected = chosen.map((offer) => expectedFreeMs(state, lane, offer, nowMs));
      const freeAtMs = Math.ceil(Math.max(nowMs, ...expected));
      for (const { gpu } of chosen) due.set(gpu, Math.min(freeAtMs, due.get(gpu) ?? freeAtMs));
    },
    has: (gpu) => due.has(gpu),
    dueMs(gpus) {
      let first: number | null = null;
      for (const gpu of gpus) {
        const atMs = due.get(gpu);
        if (atMs !== undefined) first = Math.min(first ?? atMs, atMs);
      }
      return first;
    },
    allow(gpu, lengthMs) {
      const atMs = due.get(gpu);
      return atMs === undefined || (lengthMs !== null && nowMs + lengthMs <= atMs);
    },
    get size() {
      return due.size;
    },
    isAllTaken() {
      if (due.size < usable) return false;
      for (const gpu of due.keys()) if (hasRoom(gpu)) return false;
      return true;
    },
  };
}

function hasRoom(gpu: Gpu): boolean {
  for (const lease of gpu.leases) if (lease.mode === "exclusive") return false;
  return true;
}

/** How long a worker of the lane would hold a GPU for this job alone, at most. Null = unknown. Milliseconds. */
export function holdMs(lane: Lane, job: Job): number | null {
  const runMs = longestRunMs(job);
  return runMs === null ? null : readyMs(lane) + runMs + leaveMs(lane);
}

/** When the offer's GPU is expected to be free for `lane`. */
export function expectedFreeMs(state: State, lane: Lane, offer: Offer, nowMs: number): number {
  if (offer.rank === "free") return nowMs;
  const isShared = lane.spec.mode === "shared";
  let last = nowMs;
  let first = Number.POSITIVE_INFINITY;
  for (const { worker, mode } of offer.gpu.leases) {
    if (mode === "residue") continue;
    const goneMs = expectedGoneMs(state, worker, nowMs);
    last = Math.max(last, goneMs);
    first = Math.min(first, goneMs);
  }
  // A shared lease has to wait for one of the others at least; which one is enough depends on their sizes.
  return isShared && offer.rank === "busy" ? Math.max(nowMs, first) : last;
}

/** When a worker is expected to be gone, should it get no more work. */
function expectedGoneMs(state: State, worker: Worker, nowMs: number): number {
  const { phase, lane } = worker;
  let workMs = 0;
  if (phase.state === "starting") workMs = Math.max(0, startMs(lane) - (nowMs - worker.createdAtMs));
  if (phase.state === "waking") workMs = Math.max(0, wakeMs(lane) - (nowMs - phase.sinceMs));
  for (const job of worker.jobs) workMs = Math.max(workMs, remainingMs(state, job, nowMs));
  // What was lent to it is its own until then, whoever is promised it after that.
  if (worker.backfillUntilMs !== null && !isLeaving(worker))
    workMs = Math.max(workMs, worker.backfillUntilMs - nowMs - leaveMs(lane));
  return nowMs + workMs + (phase.state === "stopping" ? stopMs(lane) : leaveMs(lane));
}

/**
 * Expected rest of a job's run. One that has run longer than its kind does is expected to take as long again as it has
 * run (the Lindy effect), within its time limit. Milliseconds.
 */
export function remainingMs(state: State, job: Job, nowMs: number): number {
  const expectedMs = runMs(state, job);
  if (job.phase.state !== "running") return expectedMs;
  const ranMs = nowMs - job.phase.startedAtMs;
  const restMs = ranMs < expectedMs ? expectedMs - ranMs : ranMs;
  return job.timeLimitMs === null ? restMs : Math.min(restMs, Math.max(0, job.timeLimitMs - ranMs));
}
