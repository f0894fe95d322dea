import { coldSwitchMs, sleepMs, wakeMs } from "../scheduler/estimate.ts";
import { rankOf } from "../scheduler/job.ts";
import type { Job } from "../scheduler/job-model.ts";
import type { Lane, Worker } from "../scheduler/model.ts";
import type { Reservation } from "../scheduler/timetable.ts";
import type { WorkerPhase } from "../scheduler/worker-phase.ts";
import { assert } from "../std/assert.ts";
import { couldGet } from "./check-grants.ts";
import type { Committed } from "./check-transition.ts";

/**
 * Checks that whoever had to make room in a step did so for a lane that waits, that may have that done, and that gets
 * the GPU once all who are leaving are gone. Which of the lanes that may do it did is the policy's own affair.
 * @throws AssertionFailed naming the worker or job.
 */
export function checkEvictions(committed: Committed): void {
  for (const worker of committed.step.changes.workers) {
    const { phase } = worker;
    if (phase.state !== "draining" && phase.state !== "stopping" && phase.state !== "falling-asleep")
      continue;
    const was = committed.before.workers.get(worker.id)?.live.phase;
    if (was?.state === "draining" || was?.state === "stopping" || was?.state === phase.state) continue;
    if (phase.reason === "evicted") checkEviction(committed, worker, was);
  }
  for (const job of committed.step.changes.jobs) checkPreemption(committed, job);
}

function checkEviction(committed: Committed, worker: Worker, was: WorkerPhase | undefined): void {
  if (servedElsewhere(committed, worker).length > 0) return;
  const fitting = fittingLanes(committed, worker);
  const isForHome = mayMakeRoomForHome(committed, worker, was);
  assert(fitting.length > 0 || isForHome, `${worker.name} was evicted for nobody who fits then`);
  const isAllowed = isForHome || fitting.some((lane) => mayEvict(committed, lane, worker, was));
  assert(isAllowed, `${worker.name} was evicted before its time`);
}

/**
 * Jobs started in this step that GPUs of the worker are reserved for. Who has several reservations is first promised GPUs of
 * one, and may then find others free in the next.
 */
function servedElsewhere(committed: Committed, worker: Worker): Job[] {
  const reserved = reservationsOf(committed, worker);
  if (reserved.length === 0) return [];
  const started = committed.step.changes.attemptsStarted.flatMap(
    ({ jobId }) => committed.state.jobs.get(jobId) ?? [],
  );
  return started.filter((job) => reserved.some(({ accounts }) => isOf(job, accounts)));
}

/** Lanes that wait and would get GPUs of the worker, were all gone who are leaving. */
function fittingLanes(committed: Committed, worker: Worker): Lane[] {
  const uuids = new Set(worker.leases.map((lease) => lease.gpu.uuid));
  return [...committed.state.waiting].filter(
    (lane) =>
      lane.spec.gpuCount > 0 &&
      (lane !== worker.lane || areCommands(lane) || isAsleep(committed, worker)) &&
      couldGet(committed, lane, uuids),
  );
}

function isAsleep({ before }: Committed, { id }: Worker): boolean {
  const was = before.workers.get(id)?.live.phase.state;
  return was === "asleep" || was === "falling-asleep";
}

/** Commands share a lane with whatever needs the same lease. */
function areCommands({ spec }: Lane): boolean {
  return spec.residency === "one-shot";
}

function mayEvict(committed: Committed, lane: Lane, worker: Worker, was: WorkerPhase | undefined): boolean {
  if (lane.summons?.evict === true || isAsleep(committed, worker)) return true;
  const isStarting = was === undefined || (isComing(was) && !becameReady(committed, worker));
  const isSummoned = committed.memory.summonedWorkers.get(worker.lane.spec.key) === worker.id;
  if (isReservedFor(committed, worker, lane)) return true;
  if (isStarting && isSummoned) return false;
  const rank = rankAtPlan(committed, worker.lane);
  if (worker.jobs.size === 0 && rank === null) return true;
  // Workers on GPUs that are reserved for others may not serve all of the lane's jobs.
  if (lane.summons === null && isServed(lane) && committed.state.reservations.size === 0) return false;
  const other = rankAtPlan(committed, lane) ?? Number.NEGATIVE_INFINITY;
  const lentUntilMs = committed.before.workers.get(worker.id)?.live.backfillUntilMs ?? worker.backfillUntilMs;
  if (lentUntilMs !== null)
    return !isStarting || rank === null || other > rank || lentUntilMs <= committed.nowMs;
  if (isStarting || rank === null) return false;
  if (other > rank) return true;
  const residentMs = committed.nowMs - (was?.state === "ready" ? was.sinceMs : committed.nowMs);
  if (lane.summons !== null) return residentMs >= leastQuantumMs(committed, worker.lane);
  return other === rank && residentMs >= worker.lane.spec.minResidencyMs;
}

/** A lane whose jobs a worker of its own will take: what it wants on top is worth no other lane's service. */
function isServed(lane: Lane): boolean {
  if (lane.spec.residency === "one-shot") return false;
  for (const { phase } of lane.workers) if (phase.state === "ready" || isComing(phase)) return true;
  return false;
}

/** A quantum is never less than this many switches, however short the lane's jobs. */
function leastQuantumMs({ state }: Committed, lane: Lane): number {
  return state.policy.quantumFactor * leastSwitchMs(lane);
}

/** A switch to a lane that sleeps may have counted as warm before the step: with its last worker it ceases to. */
function leastSwitchMs(lane: Lane): number {
  const coldMs = coldSwitchMs(lane);
  return lane.spec.sleep === null ? coldMs : Math.min(wakeMs(lane) + sleepMs(lane), coldMs);
}

/** Rank of the lane's best waiting job as the plan saw it, before other workers took some; null without any. */
function rankAtPlan({ state, step }: Committed, lane: Lane): number | null {
  const ranks: number[] = [];
  if (lane.queue.size > 0) ranks.push(lane.queue.headRank());
  for (const { jobId } of step.changes.attemptsStarted) {
    const job = state.jobs.get(jobId);
    if (job?.lane === lane) ranks.push(rankOf(job));
  }
  return ranks.length === 0 ? null : Math.max(...ranks);
}

function becameReady(committed: Committed, worker: Worker): boolean {
  return committed.events.some(
    (event) =>
      (event.type === "worker-ready" || event.type === "worker-woken") && event.workerId === worker.id,
  );
}

/**
 * Whether the worker was idle for longer than it costs to bring back, and some lane misses a worker of the home state or
 * one that was hinted at.
 */
function mayMakeRoomForHome(committed: Committed, worker: Worker, was: WorkerPhase | undefined): boolean {
  const { state, nowMs } = committed;
  if (was?.state !== "ready" && was?.state !== "asleep") return false;
  if (worker.jobs.size > 0 || worker.lane.queue.size > 0) return false;
  const { lane } = worker;
  const leastMs = was.state === "asleep" ? coldSwitchMs(lane) : leastSwitchMs(lane);
  if (nowMs - was.idleSinceMs < leastMs) return false;
  if (activeWorkers(worker.lane) < worker.lane.spec.minReplicas) return false;
  const uuids = new Set(worker.leases.map((lease) => lease.gpu.uuid));
  for (const lane of state.lanes.values()) {
    const wanted = Math.max(lane.spec.minReplicas, lane.hintUntilMs > nowMs ? 1 : 0);
    if (lane !== worker.lane && activeWorkers(lane) < wanted && couldGet(committed, lane, uuids)) return true;
  }
  return false;
}

function activeWorkers(lane: Lane): number {
  let count = 0;
  for (const { phase } of lane.workers) if (phase.state === "ready" || isComing(phase)) count += 1;
  return count;
}

function isComing({ state }: WorkerPhase): boolean {
  return state === "starting" || state === "waking";
}

/** Only a job whose owner said so makes way, and only for something of strictly higher rank or a reservation. */
function checkPreemption(committed: Committed, job: Job): void {
  const { phase } = job;
  if (phase.state !== "running" || phase.ending?.how !== "preempted") return;
  if (committed.before.jobs.get(job.id)?.live.ending?.how === "preempted") return;
  assert(job.terms.preemptible, `job ${job.id} is not preemptible and was preempted`);
  const { worker } = phase;
  const isForHigher = fittingLanes(committed, worker).some(
    (lane) => (rankAtPlan(committed, lane) ?? Number.NEGATIVE_INFINITY) > rankOf(job),
  );
  const isForOthers = reservationsOf(committed, worker).some(({ accounts }) => !isOf(job, accounts));
  const isForHigherElsewhere = servedElsewhere(committed, worker).some(
    (other) => rankOf(other) > rankOf(job),
  );
  assert(
    isForHigher || isForOthers || isForHigherElsewhere,
    `job ${job.id} was preempted for no higher rank`,
  );
  assert(!worker.pinned || isForOthers, `job ${job.id} was preempted on ${worker.name}, which is pinned`);
}

/** Whether some job that waits in the lane has a reservation of one of the worker's GPUs: that goes before all else. */
function isReservedFor(committed: Committed, worker: Worker, lane: Lane): boolean {
  const reserved = reservationsOf(committed, worker);
  if (reserved.length === 0) return false;
  const { state } = committed;
  return lane.queue.list(lane.queue.size).some((id) => {
    const job = state.jobs.get(id);
    return job !== undefined && reserved.some(({ accounts }) => isOf(job, accounts));
  });
}

function isOf(job: Job, accounts: readonly string[]): boolean {
  return job.terms.accounts.some(({ key }) => accounts.includes(key));
}

/** Reservations that hold one of the worker's GPUs now. */
export function reservationsOf(
  { state, nowMs }: Pick<Committed, "state" | "nowMs">,
  { leases }: Worker,
): Reservation[] {
  if (state.reservations.size === 0) return [];
  return [...state.reservations.values()].filter(
    ({ gpus, startAtMs, endAtMs }) =>
      startAtMs <= nowMs && nowMs < endAtMs && leases.some(({ gpu }) => gpus.includes(gpu.uuid)),
  );
}
