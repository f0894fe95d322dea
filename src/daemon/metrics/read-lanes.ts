import { etaErrorOf } from "../../scheduler/eta.ts";
import type { Lane, State } from "../../scheduler/model.ts";
import type { Meters } from "./meters.ts";

/** The queue, workers and leases as they are now. Costs O(lanes + terms + workers), not O(jobs). */
export function readLanes(
  meters: Meters,
  state: State,
  { nowMs, labelOf }: { readonly nowMs: number; readonly labelOf: (runtime: string) => string },
): void {
  /** Live jobs that are neither queued nor on a worker. */
  const held = new Map<Lane, number>();
  for (const { lane, jobs } of state.terms.values()) held.set(lane, (held.get(lane) ?? 0) + jobs);
  let waiting = 0;
  for (const lane of state.lanes.values()) {
    const runtime = labelOf(lane.spec.runtime);
    const queued = lane.queue.size;
    if (queued > 0) waiting += 1;
    readQueue(meters, state, lane, { runtime, nowMs });
    const placed = readWorkers(meters, lane, runtime);
    meters.jobs.add((held.get(lane) ?? 0) - queued - placed, runtime, "held");
    countFromZero(meters, runtime);
    const off = etaErrorOf(lane);
    if (off !== null) meters.etaError.raise(off.meanMs / 1_000, runtime);
  }
  for (const mode of ["exclusive", "shared", "residue"]) meters.leases.add(0, mode);
  meters.lanes.set(waiting, "waiting");
  meters.lanes.set(state.lanes.size - waiting, "other");
  meters.stopping.set(state.stopping ? 1 : 0);
}

/** Series that are there before anything happened: else the first time it does, increase() does not see it. */
function countFromZero(meters: Meters, runtime: string): void {
  for (const result of ["succeeded", "failed", "cancelled"])
    meters.jobsFinished.add(0, runtime, "job", result);
  meters.jobsSubmitted.add(0, runtime, "job");
  meters.startFailures.add(0, runtime);
  meters.crashes.add(0, runtime);
  meters.preemptions.add(0, runtime);
}

function readQueue(
  meters: Meters,
  state: State,
  { queue, verdict }: Lane,
  { runtime, nowMs }: { readonly runtime: string; readonly nowMs: number },
): void {
  const oldest = state.jobs.get(queue.oldest() ?? -1);
  const ageMs = oldest === undefined ? 0 : Math.max(0, nowMs - oldest.submittedAtMs);
  meters.jobs.add(queue.size, runtime, "queued");
  meters.queueDepth.add(queue.size, runtime);
  meters.queueAge.raise(ageMs / 1_000, runtime);
  if (queue.size > 0) meters.jobsWaiting.add(queue.size, verdict.code);
}

/** @returns the jobs that they have in hand */
function readWorkers(meters: Meters, { workers }: Lane, runtime: string): number {
  let placed = 0;
  for (const worker of workers) {
    placed += worker.jobs.size;
    meters.workers.add(1, runtime, worker.phase.state);
    for (const { mode } of worker.leases) meters.leases.add(1, mode);
    for (const { phase } of worker.jobs) meters.jobs.add(1, runtime, phase.state);
  }
  // Named with and without workers, or nobody could see that there are none.
  if (workers.size === 0) meters.workers.add(0, runtime, "ready");
  return placed;
}
