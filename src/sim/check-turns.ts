import { rankOf } from "../scheduler/job.ts";
import { quantumMs } from "../scheduler/lane-view.ts";
import type { Gpu, Lane, State, Worker } from "../scheduler/model.ts";
import { assert } from "../std/assert.ts";
import { isWithinQuota } from "./check-quotas.ts";
import type { Committed } from "./check-transition.ts";

/**
 * Checks that no worker whose turn is over takes another job while a lane of its rank is late that needs nothing but its
 * GPU. Only where all that wait want one GPU of their own: else it may be promised to somebody who has to wait for more.
 * @throws AssertionFailed naming worker and lane.
 */
export function checkTurns({ state, step, nowMs }: Committed): void {
  const { attemptsStarted } = step.changes;
  if (attemptsStarted.length === 0 || state.reservations.size > 0) return;
  const late = [...state.waiting].filter((lane) => isLate(state, lane, nowMs));
  if (late.length === 0 || ![...state.waiting].every(isPlain)) return;
  for (const { worker, jobId } of attemptsStarted) {
    const gpu = onlyGpuOf(worker);
    const job = state.jobs.get(jobId);
    if (gpu === undefined || job === undefined || !isOver(state, worker, nowMs)) continue;
    const lane = late.find(
      (each) => each.queue.headRank() === rankOf(job) && isOnlyInTheWayOf(state, each, worker, gpu),
    );
    assert(
      lane === undefined,
      `${worker.name} goes on though its turn is over and lane ${lane?.spec.key} is late`,
    );
  }
}

/**
 * Checks that the time by which a waiting lane is due stays as it is, but for lanes that begin to contend with it.
 * @throws AssertionFailed naming the lane.
 */
export function checkDues({ state, memory }: Committed): void {
  const known = new Map(memory.waits);
  memory.waits.clear();
  for (const { spec, wait } of state.waiting) {
    if (wait === null) continue;
    const { servedAtMs, dueMs, counted } = wait;
    const before = known.get(spec.key);
    const isSame = before?.servedAtMs === servedAtMs && before.lanes === counted.size;
    assert(
      !isSame || before.dueMs === dueMs,
      `lane ${spec.key} is due ${dueMs - (before?.dueMs ?? 0)} ms later than before`,
    );
    memory.waits.set(spec.key, { servedAtMs, dueMs, lanes: counted.size });
  }
}

function isLate(state: State, lane: Lane, nowMs: number): boolean {
  if (lane.wait === null || lane.wait.dueMs >= nowMs || lane.retryAtMs > nowMs) return false;
  const id = lane.queue.peek();
  const job = id === undefined ? undefined : state.jobs.get(id);
  return job !== undefined && isWithinQuota(state, job, nowMs);
}

function isPlain({ spec, summons }: Lane): boolean {
  const takesHost = spec.cpuCores > 0 || spec.ramBytes > 0;
  return spec.gpuCount === 1 && spec.mode === "exclusive" && summons === null && !takesHost;
}

/** Its GPU, if it has but one, and only those are beside it that sleep and may be moved. */
function onlyGpuOf({ leases }: Worker): Gpu | undefined {
  const [lease, ...others] = leases;
  if (lease === undefined || others.length > 0) return undefined;
  const beside = [...lease.gpu.leases].filter((each) => each !== lease);
  return beside.every(({ worker }) => isMovable(worker)) ? lease.gpu : undefined;
}

function isMovable({ phase, pinned }: Worker): boolean {
  return phase.state === "asleep" && !pinned;
}

function isOver(state: State, { phase, lane, pinned }: Worker, nowMs: number): boolean {
  if (phase.state !== "ready" || pinned || lane.spec.residency === "one-shot" || lane.queue.size === 0)
    return false;
  return nowMs - phase.sinceMs >= Math.max(quantumMs(state, lane), lane.spec.minResidencyMs);
}

/** Whether the lane fits on the worker's GPU, and there is no other. */
function isOnlyInTheWayOf(state: State, lane: Lane, worker: Worker, gpu: Gpu): boolean {
  if (lane === worker.lane) return false;
  if (lane.spec.residency === "resident" && ![...lane.workers].every(isMovable)) return false;
  return (
    state.gpus.size === 1 &&
    gpu.healthy &&
    gpu.quarantine === null &&
    gpu.foreignBytes === 0 &&
    fits(state, lane, gpu)
  );
}

function fits({ policy }: State, { spec, learned }: Lane, gpu: Gpu): boolean {
  const mostBytes = Math.max(
    spec.vramBytes ?? 0,
    1.1 * (learned.vramPeakBytes ?? 0),
    learned.vramFloorBytes ?? 0,
  );
  return mostBytes <= gpu.totalBytes - policy.vramReserveBytes;
}
