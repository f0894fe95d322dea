import { neededBytes } from "../scheduler/capacity.ts";
import { rankOf } from "../scheduler/job.ts";
import type { Job } from "../scheduler/job-model.ts";
import type { Gpu, Lane, LaneSpec, State, Worker } from "../scheduler/model.ts";
import { isPrepared } from "../scheduler/preparation.ts";
import { isOnTrial } from "../scheduler/start-failures.ts";
import { mayShare } from "../scheduler/suspects.ts";
import { assert } from "../std/assert.ts";
import { isOfKind, mostOfOneVendor } from "./check-kinds.ts";
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
    if (mayWaitToBeAlone(state, worker, nowMs)) continue;
    assert(job === undefined, `${worker.name} has a free slot while job ${job?.id} of its lane waits`);
  }
}

/** Whoever is next may be one that runs alone, or the worker may be kept for one. Of equal rank any may be next. */
function mayWaitToBeAlone(state: State, worker: Worker, nowMs: number): boolean {
  const { queue } = worker.lane;
  const waiting = queue.list(queue.size).flatMap((id) => state.jobs.get(id) ?? []);
  const able = waiting.filter((job) => isWithinQuota(state, job, nowMs));
  const most = Math.max(...able.map(rankOf));
  // One whose owner has used up their GPU-hours since it was chosen counts as well.
  return waiting.some((job) => rankOf(job) >= most && !mayShare(worker, job));
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
  // It may pay to wait until the GPU is free on which one of its own sleeps.
  if ([...lane.workers].some((worker) => worker.phase.state === "asleep" && isMadeRoomFor(worker))) return;
  const usable = [...state.gpus.values()].filter((gpu) => canHold(state, lane, gpu));
  const empty = usable.filter((gpu) => gpu.leases.size === 0 || isOnlySlept(state, lane, gpu));
  const count = mostOfOneVendor(empty);
  assert(count < lane.spec.gpuCount, `lane ${lane.spec.key} waits beside ${count} empty GPUs`);
  if (lane.spec.gpuCount > 1) return;
  for (const gpu of usable) {
    const idle = idleHolder(gpu, lane);
    assert(
      idle === undefined || isRoomMade(state, lane),
      `lane ${lane.spec.key} waits beside ${idle?.name}, which is idle`,
    );
  }
}

/** Whether somebody is leaving a GPU on which the worker sleeps. */
function isMadeRoomFor({ leases }: Worker): boolean {
  return leases.some(({ gpu }) => [...gpu.leases].some((lease) => isLeaving(lease.worker)));
}

const MAY_SERVE: ReadonlySet<Worker["phase"]["state"]> = new Set([
  "starting",
  "ready",
  "falling-asleep",
  "waking",
]);

/** Whether the lane has a job that nothing but GPUs keeps from starting. */
function couldStart(state: State, lane: Lane, nowMs: number): boolean {
  const { spec, workers, summons, retryAtMs } = lane;
  if (
    !isPrepared(lane) ||
    spec.gpuCount === 0 ||
    retryAtMs > nowMs ||
    summons !== null ||
    state.reservations.size > 0
  )
    return false;
  for (const { phase } of workers) if (phase.state === "starting" && isOnTrial(lane)) return false;
  for (const { phase } of workers)
    if (spec.residency === "resident" && MAY_SERVE.has(phase.state)) return false;
  return hasHost(state, spec) && firstThatMay(state, lane, nowMs) !== undefined;
}

/** Memory in which others only sleep can be had, unless that of those who stop will do. */
function hasHost({ workers, policy }: State, spec: LaneSpec): boolean {
  let cores = spec.cpuCores;
  let awakeBytes = spec.ramBytes;
  let sleepingBytes = 0;
  let stoppingBytes = 0;
  for (const { lane, phase, pinned } of workers.values()) {
    const bytes = lane.spec.ramBytes + ("ramBytes" in phase ? (phase.ramBytes ?? 0) : 0);
    if (phase.state !== "asleep") cores += lane.spec.cpuCores;
    if (phase.state === "stopping") stoppingBytes += bytes;
    if (phase.state === "asleep" && !pinned) sleepingBytes += bytes;
    else awakeBytes += bytes;
  }
  if (cores > policy.cpuCores) return false;
  if (policy.ramBytes === 0 || awakeBytes + sleepingBytes <= policy.ramBytes) return true;
  return awakeBytes + sleepingBytes - stoppingBytes > policy.ramBytes && awakeBytes <= policy.ramBytes;
}

/** Whether the lane fits on the GPU were it empty: by what was declared and what was learned. */
function canHold({ policy }: State, { spec, learned }: Lane, gpu: Gpu): boolean {
  const declared = spec.vramBytes ?? 0;
  const known = 1.1 * (learned.vramPeakBytes ?? 0);
  const needed = Math.max(declared, known, learned.vramFloorBytes ?? 0);
  return (
    gpu.healthy &&
    gpu.quarantine === null &&
    isOfKind(spec, gpu) &&
    gpu.foreignBytes === 0 &&
    Math.ceil(needed) <= gpu.totalBytes - policy.vramReserveBytes
  );
}

/** Whether all that is on the GPU sleeps, and leaves room enough or may be moved: which it need not be where others make room. */
function isOnlySlept(state: State, lane: Lane, gpu: Gpu): boolean {
  let bytes = neededBytes(state.policy, lane, gpu);
  let isMovable = !isRoomMade(state, lane);
  for (const { mode, worker, vramBytes } of gpu.leases) {
    if (mode !== "residue" || worker.phase.state !== "asleep") return false;
    bytes += vramBytes;
    if (worker.pinned) isMovable = false;
  }
  return isMovable || bytes <= gpu.totalBytes - state.policy.vramReserveBytes;
}

/** The one worker on a GPU, if it has nothing to do and nobody wants it to have. */
function idleHolder(gpu: Gpu, lane: Lane): Worker | undefined {
  const [lease, ...others] = [...gpu.leases].filter(({ mode }) => mode !== "residue");
  if (lease === undefined || others.length > 0) return undefined;
  const { worker } = lease;
  const isIdle = worker.phase.state === "ready" && worker.jobs.size === 0 && worker.lane.queue.size === 0;
  if (!isIdle || worker.pinned || worker.lane === lane || worker.lane.spec.residency === "one-shot")
    return undefined;
  return worker.lane.summons === null && worker.lane.summoned === null ? worker : undefined;
}

/** Whether somebody is leaving a GPU that the lane may get, be it only once strangers leave it as well. */
function isRoomMade({ gpus }: State, { spec }: Lane): boolean {
  const usable = [...gpus.values()].filter(
    (gpu) => gpu.healthy && gpu.quarantine === null && isOfKind(spec, gpu),
  );
  return usable.some(({ leases }) => [...leases].some(({ worker }) => isLeaving(worker)));
}

function isLeaving({ phase }: Worker): boolean {
  return phase.state === "draining" || phase.state === "stopping" || phase.state === "falling-asleep";
}
