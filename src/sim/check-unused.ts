import type { Job } from "../scheduler/job-model.ts";
import type { Gpu, Lane, State, Worker } from "../scheduler/model.ts";
import { assert } from "../std/assert.ts";
import { isWithinQuota } from "./check-quotas.ts";

/**
 * Checks that nobody waits beside what they could have: a free slot of their own lane's worker, empty GPUs, a GPU whose
 * only holder is idle. Where reservations stand, or lanes wait that may be in each other's way, nothing can be said.
 * @throws AssertionFailed naming the lane or worker.
 */
export function checkUnused(state: State, nowMs: number): void {
  for (const lane of state.waiting) checkFreeSlots(state, lane, nowMs);
  const [lone] = state.waiting;
  if (lone !== undefined && state.waiting.size === 1) checkLoneLane(state, lone, nowMs);
}

function checkFreeSlots(state: State, lane: Lane, nowMs: number): void {
  if (lane.spec.residency === "one-shot" || lane.queue.size === 0) return;
  for (const worker of lane.workers) {
    const isFree = worker.phase.state === "ready" && worker.jobs.size < lane.spec.slots;
    if (!isFree || worker.backfillUntilMs !== null || isReserved(state, worker)) continue;
    const job = firstThatMay(state, lane, nowMs);
    assert(job === undefined, `${worker.name} has a free slot while job ${job?.id} of its lane waits`);
  }
}

function isReserved(state: State, { leases }: Worker): boolean {
  return [...state.reservations.values()].some(({ gpus }) =>
    leases.some(({ gpu }) => gpus.includes(gpu.uuid)),
  );
}

function firstThatMay(state: State, lane: Lane, nowMs: number): Job | undefined {
  for (const id of lane.queue.list(lane.queue.size)) {
    const job = state.jobs.get(id);
    if (job && isWithinQuota(state, job, nowMs)) return job;
  }
  return undefined;
}

function checkLoneLane(state: State, lane: Lane, nowMs: number): void {
  if (!couldStart(state, lane, nowMs)) return;
  const usable = [...state.gpus.values()].filter((gpu) => canHold(state, lane, gpu));
  const empty = usable.filter((gpu) => gpu.leases.size === 0);
  assert(empty.length < lane.spec.gpuCount, `lane ${lane.spec.key} waits beside ${empty.length} empty GPUs`);
  if (lane.spec.gpuCount > 1) return;
  for (const gpu of usable) {
    const idle = idleHolder(gpu, lane);
    assert(
      idle === undefined || isAnybodyLeaving(state),
      `lane ${lane.spec.key} waits beside ${idle?.name}, which is idle`,
    );
  }
}

/** Whether the lane has a job that nothing but GPUs keeps from starting. */
function couldStart(state: State, lane: Lane, nowMs: number): boolean {
  const { spec, workers, summons, retryAtMs } = lane;
  if (spec.gpuCount === 0 || retryAtMs > nowMs || summons !== null || state.reservations.size > 0)
    return false;
  for (const { phase } of workers)
    if (spec.residency === "resident" && (phase.state === "starting" || phase.state === "ready"))
      return false;
  let cores = spec.cpuCores;
  let ramBytes = spec.ramBytes;
  for (const worker of state.workers.values()) {
    cores += worker.lane.spec.cpuCores;
    ramBytes += worker.lane.spec.ramBytes;
  }
  const { policy } = state;
  const hasHost = cores <= policy.cpuCores && (policy.ramBytes === 0 || ramBytes <= policy.ramBytes);
  return hasHost && firstThatMay(state, lane, nowMs) !== undefined;
}

/** Whether the lane fits on the GPU were it empty: by what was declared and what was learned. */
function canHold({ policy }: State, { spec, learned }: Lane, gpu: Gpu): boolean {
  const declared = spec.vramBytes ?? 0;
  const known = 1.1 * (learned.vramPeakBytes ?? 0);
  const needed = Math.max(declared, known, learned.vramFloorBytes ?? 0);
  return (
    gpu.healthy && gpu.foreignBytes === 0 && Math.ceil(needed) <= gpu.totalBytes - policy.vramReserveBytes
  );
}

/** The one worker on a GPU, if it has nothing to do and nobody wants it to have. */
function idleHolder(gpu: Gpu, lane: Lane): Worker | undefined {
  const [lease] = gpu.leases;
  if (lease === undefined || gpu.leases.size > 1) return undefined;
  const { worker } = lease;
  const isIdle = worker.phase.state === "ready" && worker.jobs.size === 0 && worker.lane.queue.size === 0;
  if (!isIdle || worker.pinned || worker.lane === lane || worker.lane.spec.residency === "one-shot")
    return undefined;
  return worker.lane.summons === null && worker.lane.summoned === null ? worker : undefined;
}

function isAnybodyLeaving(state: State): boolean {
  for (const { phase } of state.workers.values())
    if (phase.state === "draining" || phase.state === "stopping") return true;
  return false;
}
