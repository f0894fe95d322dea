import type { Lane, Worker } from "./model.ts";

/** Workers that take jobs or soon will, and the slots they have free. */
export function activeWorkers(lane: Lane): { count: number; freeSlots: number } {
  let count = 0;
  let freeSlots = 0;
  for (const worker of lane.workers) {
    if (worker.phase.state !== "ready" && worker.phase.state !== "starting") continue;
    count += 1;
    freeSlots += lane.spec.slots - worker.jobs.size;
  }
  return { count, freeSlots };
}

/** One that is starting, if any. */
export function startingWorker(lane: Lane): Worker | undefined {
  if (lane.workers.size === 0) return undefined;
  for (const worker of lane.workers) if (worker.phase.state === "starting") return worker;
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
