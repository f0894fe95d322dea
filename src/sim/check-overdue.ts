import { priorityOf, quantumMs, waitingInOrder } from "../scheduler/lanes.ts";
import type { Gpu, Job, Lane, State, Worker } from "../scheduler/model.ts";
import type { Changes } from "../scheduler/transition.ts";
import { assert } from "../std/assert.ts";

/**
 * Checks that a step left nothing undone that was due at `nowMs`: holds, time limits, keep-alives, jobs that do not
 * heed their cancellation, free slots beside waiting jobs, empty GPUs beside a lone waiting lane, a worker past its
 * quantum beside the lane that has waited longest.
 * @throws AssertionFailed naming what was left.
 */
export function checkOverdue(state: State, changes: Changes, nowMs: number): void {
  for (const job of state.jobs.values()) checkJob(job, nowMs);
  // A worker whose job went to another one in this very step is looked at again in the next millisecond.
  const isLookedAtSoon = state.nextLimitMs <= nowMs + 1;
  if (!isLookedAtSoon) for (const worker of state.workers.values()) checkKeepAlive(worker, nowMs);
  if (state.stopping) return;
  for (const lane of state.waiting) checkFreeSlots(lane);
  const [first] = waitingInOrder(state);
  if (first !== undefined) checkFirstLane(state, first, changes, nowMs);
  const [lone] = state.waiting;
  if (lone !== undefined && state.waiting.size === 1) checkLoneLane(state, lone, nowMs);
}

function checkJob(job: Job, nowMs: number): void {
  const { phase } = job;
  if (phase.state === "held" && phase.untilMs !== null)
    assert(phase.untilMs > nowMs, `job ${job.id} is held longer than until its time`);
  if (phase.state !== "running" || phase.worker.phase.state === "stopping") return;
  if (phase.ending !== null) {
    const patienceMs = job.lane.spec.stopTimeoutMs;
    assert(
      phase.ending.sinceMs + patienceMs > nowMs,
      `job ${job.id} does not heed its end and is left alone`,
    );
  } else if (job.timeLimitMs !== null) {
    assert(phase.startedAtMs + job.timeLimitMs > nowMs, `job ${job.id} runs longer than its time limit`);
  }
}

function checkKeepAlive({ phase, jobs, pinned, lane, name }: Worker, nowMs: number): void {
  if (phase.state !== "ready" || jobs.size > 0 || pinned || lane.spec.keepAliveMs === null) return;
  if (lane.spec.residency === "one-shot") return;
  const isOver = phase.idleSinceMs + lane.spec.keepAliveMs < nowMs;
  assert(!isOver || lane.queue.size > 0, `${name} is idle for longer than its keep-alive`);
}

function checkFreeSlots(lane: Lane): void {
  if (lane.spec.residency === "one-shot" || lane.queue.size === 0) return;
  for (const worker of lane.workers) {
    const isFree = worker.phase.state === "ready" && worker.jobs.size < lane.spec.slots;
    assert(!isFree, `${worker.name} has a free slot while jobs of its lane wait`);
  }
}

function checkLoneLane(state: State, lane: Lane, nowMs: number): void {
  const isServed = [...lane.workers].some(
    ({ phase }) => phase.state === "starting" || phase.state === "ready",
  );
  if (isServed || lane.spec.gpuCount === 0 || lane.retryAtMs > nowMs || lane.summons !== null) return;
  const { vramReserveBytes } = state.policy;
  const empty = [...state.gpus.values()].filter(
    (gpu) =>
      gpu.healthy &&
      gpu.leases.size === 0 &&
      gpu.foreignBytes === 0 &&
      (lane.spec.vramBytes ?? 0) <= gpu.totalBytes - vramReserveBytes,
  );
  assert(empty.length < lane.spec.gpuCount, `lane ${lane.spec.key} waits beside ${empty.length} empty GPUs`);
}

/** The first lane in rank may not be kept waiting by a worker whose time is over, unless somebody leaves already. */
function checkFirstLane(state: State, lane: Lane, changes: Changes, nowMs: number): void {
  const isServed = [...lane.workers].some(
    ({ phase }) => phase.state === "starting" || phase.state === "ready",
  );
  if (isServed || lane.spec.gpuCount !== 1 || lane.retryAtMs > nowMs || lane.summons !== null) return;
  // What was started in this step may have ranked before all that still waits.
  if (changes.attemptsStarted.length > 0 || changes.leasesGranted.length > 0) return;
  for (const { phase } of state.workers.values())
    if (phase.state === "draining" || phase.state === "stopping") return;
  for (const gpu of state.gpus.values()) {
    const holder = onlyHolder(state, lane, gpu);
    if (holder === undefined) continue;
    const isOver = hasHadItsTime(state, lane, holder, nowMs);
    assert(!isOver, `${holder.name} has had its time, but lane ${lane.spec.key} waits on`);
  }
}

/** The one worker on a GPU that would have room for `lane` without it. */
function onlyHolder(state: State, lane: Lane, gpu: Gpu): Worker | undefined {
  const ours = gpu.totalBytes - state.policy.vramReserveBytes;
  const hasRoom = (lane.spec.vramBytes ?? 0.9 * ours) <= ours - gpu.foreignBytes;
  if (!gpu.healthy || !hasRoom || gpu.leases.size !== 1) return undefined;
  return [...gpu.leases][0]?.worker;
}

function hasHadItsTime(state: State, lane: Lane, worker: Worker, nowMs: number): boolean {
  const { phase } = worker;
  if (worker.pinned || worker.lane === lane || worker.lane.spec.residency === "one-shot") return false;
  if (phase.state !== "ready") return false;
  if (worker.lane.queue.size === 0) return worker.jobs.size === 0;
  if (priorityOf(lane) < priorityOf(worker.lane)) return false;
  const contendedMs = nowMs - Math.max(phase.sinceMs, lane.waitingSinceMs);
  return contendedMs >= quantumMs(state, worker.lane);
}
