import type { Lane, Worker } from "./model.ts";

/** Whether the worker takes jobs or soon will without any more decisions. */
export function isServing(worker: Worker): boolean {
  return worker.phase.state === "ready" || isComing(worker);
}

/** Whether it is on its way: starting or waking. */
export function isComing({ phase }: Worker): boolean {
  return phase.state === "starting" || phase.state === "waking";
}

/** Workers that take jobs or soon will, and the slots they have free. */
export function activeWorkers(lane: Lane): { count: number; freeSlots: number } {
  let count = 0;
  let freeSlots = 0;
  for (const worker of lane.workers) {
    if (!isServing(worker)) continue;
    count += 1;
    freeSlots += lane.spec.slots - worker.jobs.size;
  }
  return { count, freeSlots };
}

/** One that is starting or waking, if any. */
export function startingWorker(lane: Lane): Worker | undefined {
  if (lane.workers.size === 0) return undefined;
  for (const worker of lane.workers) if (isComing(worker)) return worker;
  return undefined;
}

/** Whether one of them takes jobs now. */
export function hasReady(lane: Lane): boolean {
  if (lane.workers.size === 0) return false;
  for (const worker of lane.workers) if (worker.phase.state === "ready") return true;
  return false;
}

/** Id of the oldest one, or null. */
export function firstWorker(lane: Lane): number | null {
  return lane.workers.values().next().value?.id ?? null;
}

/** Whether the worker sleeps or is about to: it is woken when its lane's turn comes. */
export function isSleeper({ phase }: Worker): boolean {
  return phase.state === "asleep" || phase.state === "falling-asleep";
}

/** Whether a worker of the lane sleeps or is about to. */
export function hasSleeper(lane: Lane): boolean {
  if (lane.workers.size === 0) return false;
  for (const worker of lane.workers) if (isSleeper(worker)) return true;
  return false;
}

/** Whether a worker of the lane began to make way for others at `nowMs`. */
export function wasJustEvicted(lane: Lane, nowMs: number): boolean {
  for (const { phase } of lane.workers)
    if ("reason" in phase && phase.reason === "evicted" && phase.sinceMs === nowMs) return true;
  return false;
}
