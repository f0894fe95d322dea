import type { Effect } from "../scheduler/effects.ts";
import type { Lane, State, Worker } from "../scheduler/model.ts";
import { assert } from "../std/assert.ts";
import { reservationsOf } from "./check-evictions.ts";
import { checkSleep } from "./check-sleep.ts";
import type { Committed } from "./check-transition.ts";

type Phase = Worker["phase"]["state"];

/** What a worker may be after one step; as it was goes without saying. */
const next: Readonly<Record<Phase, readonly Phase[]>> = {
  starting: ["ready", "draining", "falling-asleep", "stopping"],
  ready: ["draining", "falling-asleep", "stopping"],
  draining: ["falling-asleep", "stopping"],
  "falling-asleep": ["asleep", "waking", "stopping"],
  asleep: ["waking", "stopping"],
  waking: ["ready", "draining", "falling-asleep", "stopping"],
  stopping: [],
};

/** A worker that was there for its lane, or could be woken for it. */
const THERE: ReadonlySet<Phase> = new Set(["starting", "ready", "asleep", "waking"]);

/**
 * Checks what a step did to workers: states only follow each other as they may, every order has its effect, pinned ones stay, idle ones
 * have had their time, lanes have no more than their replicas, and nobody is written off whose program lives.
 * @throws AssertionFailed naming the worker.
 */
export function checkWorkers(committed: Committed): void {
  const { changes, effects } = committed.step;
  for (const worker of changes.workers) checkMove(committed, worker);
  for (const { worker } of changes.workersGone) {
    const program = committed.host.programs.get(worker.id);
    assert(
      program === undefined || program.state === "dead",
      `${worker.name} is gone, but its program lives`,
    );
  }
  for (const program of committed.host.live) {
    assert(committed.state.workers.has(program.workerId), `program ${program.workerId} runs unknown to us`);
  }
  for (const { jobId, worker } of changes.attemptsStarted) {
    if (worker.lane.spec.residency === "one-shot") continue;
    const isSuspect = committed.before.jobs.get(jobId)?.live.extras?.isSuspect === true;
    assert(
      !isSuspect || worker.jobs.size === 1,
      `job ${jobId} was lost beside others and shares ${worker.name}`,
    );
    const isOrdered = effects.some((effect) => effect.type === "run-job" && effect.jobId === jobId);
    assert(isOrdered, `job ${jobId} was handed to ${worker.name} without an effect`);
  }
  for (const effect of effects) checkEffect(committed, effect);
  for (const worker of committed.state.workers.values()) checkGpusHealthy(committed, worker);
}

/** No resident worker is kept on a GPU that is lost, whenever it was lost. */
function checkGpusHealthy({ memory }: Committed, worker: Worker): void {
  if (memory.seen.size === 0 || worker.lane.spec.residency === "one-shot") return;
  if (!THERE.has(worker.phase.state)) return;
  for (const { gpu } of worker.leases) {
    const isUsable = memory.seen.get(gpu.uuid)?.healthy === true && gpu.quarantine === null;
    assert(isUsable, `${worker.name} is kept on GPU ${gpu.index}, which is lost`);
  }
}

function checkPreparation({ lanes, stopping }: State, events: Committed["events"], key: string): void {
  const stopsNow = events.some((event) => event.type === "shut-down");
  assert(!stopping || stopsNow, `something is made for lane ${key} while the daemon stops`);
  assert(lanes.get(key)?.spec.needsPreparation, `something is made for lane ${key}, which needs nothing`);
}

function checkMove(committed: Committed, worker: Worker): void {
  const { before, step } = committed;
  const row = before.workers.get(worker.id);
  const was = row === undefined ? "starting" : row.live.phase.state;
  const is = worker.phase.state;
  assert(is === was || next[was].includes(is), `${worker.name} went from ${was} to ${is}`);
  if (row === undefined) checkNew(committed, worker);
  else checkSleep(committed, worker, row.live);
  if (is === "stopping" && (was !== "stopping" || row === undefined)) {
    const isOrdered = step.effects.some(
      (effect) => effect.type === "stop-worker" && effect.workerId === worker.id,
    );
    assert(isOrdered, `${worker.name} is stopping without an effect`);
  }
  if (row !== undefined && THERE.has(was) && !THERE.has(is)) checkReason(committed, worker, row.live.pinned);
}

function checkNew(committed: Committed, worker: Worker): void {
  const { step, memory, events } = committed;
  const { lane } = worker;
  const isOrdered = step.effects.some(
    (effect) => effect.type === "start-worker" && effect.workerId === worker.id,
  );
  assert(isOrdered, `${worker.name} was made without an effect`);
  const isReady = lane.spec.needsPreparation === null || memory.prepared.has(lane.spec.key);
  assert(isReady, `${worker.name} was made before what it needs was`);
  assert(!committed.state.stopping, `${worker.name} was made while the daemon stops`);
  // Of a summoned worker that ran out of memory while it loaded another one may be tried in the same step.
  const last = memory.summonedWorkers.get(lane.spec.key);
  const isSecondTry = events.some(
    (event) =>
      event.type === "worker-exited" && event.workerId === last && event.exit.cause === "out-of-memory",
  );
  const wasSummoned = memory.summonedLanes.delete(lane.spec.key);
  if (wasSummoned) memory.summonedWorkers.set(lane.spec.key, worker.id);
  if (lane.spec.residency === "one-shot" || wasSummoned || isSecondTry) return;
  // Workers on GPUs that are reserved for others do not serve all of the lane's jobs.
  if (committed.state.reservations.size > 0) return;
  const active = activeWorkers(lane);
  const most = Math.max(lane.spec.maxReplicas, lane.spec.minReplicas);
  assert(active <= most, `lane ${lane.spec.key} has ${active} of ${most}`);
}

function activeWorkers(lane: Lane): number {
  let active = 0;
  for (const { phase } of lane.workers)
    if (phase.state === "ready" || phase.state === "starting" || phase.state === "waking") active += 1;
  return active;
}

/** Why a worker is stopped must be true. Evictions are looked at more closely by `checkEvictions`. */
/** Workers of the lane that had to make room in this step: when another one went for being idle, they may still have been there. */
function evictedNow({ step, nowMs }: Committed, lane: Lane): number {
  let count = 0;
  for (const { phase, lane: own } of step.changes.workers)
    if (own === lane && "reason" in phase && phase.reason === "evicted" && phase.sinceMs === nowMs)
      count += 1;
  return count;
}

function checkReason(committed: Committed, worker: Worker, wasPinned: boolean): void {
  const { before, step, state, nowMs } = committed;
  const { phase } = worker;
  if (phase.state !== "draining" && phase.state !== "stopping" && phase.state !== "falling-asleep") return;
  if (phase.reason === "evicted" || phase.reason === "idle" || phase.reason === "preempted") {
    const wasUnpinned = step.changes.log.some(
      (entry) => entry.type === "worker-unpinned" && entry.worker === worker.name,
    );
    const isReserved = phase.reason !== "idle" && reservationsOf(committed, worker).length > 0;
    assert(!wasPinned || wasUnpinned || isReserved, `${worker.name} is pinned and was ${phase.reason}`);
    const { residency } = worker.lane.spec;
    assert(
      residency === "resident" || phase.reason === "preempted",
      `${worker.name} is one-shot and was ${phase.reason}`,
    );
  }
  if (phase.reason === "idle") {
    const row = before.workers.get(worker.id)?.live;
    const isKnown = row?.phase.state === "ready" || row?.phase.state === "asleep";
    const idleSinceMs = isKnown ? row.phase.idleSinceMs : nowMs;
    const { keepAliveMs } = worker.lane.spec;
    const leastMs = (keepAliveMs ?? 0) * (row?.phase.state === "asleep" ? 4 : 1);
    const hasHadItsTime = keepAliveMs !== null && nowMs - idleSinceMs >= leastMs;
    assert(hasHadItsTime || keepAliveMs === 0, `${worker.name} was stopped before its keep-alive was over`);
    const left = activeWorkers(worker.lane) + evictedNow(committed, worker.lane);
    const isKept = !state.stopping && left < worker.lane.spec.minReplicas;
    assert(
      !isKept,
      `${worker.name} was stopped as idle, but ${worker.lane.spec.minReplicas} are kept of its lane`,
    );
  }
  if (phase.reason === "ram-needed") {
    const wants = [...state.waiting].some(({ spec }) => spec.ramBytes > 0);
    assert(wants && state.policy.ramBytes > 0, `${worker.name} was stopped for memory that nobody waits for`);
  }
  if (phase.reason === "shutdown") assert(state.stopping, `${worker.name} was stopped as if at a shutdown`);
  if (phase.reason === "gpu-lost") {
    const isLost = worker.leases.some(({ gpu }) => gpu.quarantine !== null || wasLost(committed, gpu.uuid));
    assert(isLost, `${worker.name} was stopped though its GPUs are healthy`);
  }
}

/** Whether a reading of this step said that the GPU is lost, or did not name it. */
function wasLost({ events }: Committed, uuid: string): boolean {
  return events.some((event) => {
    if (event.type !== "gpus-seen") return false;
    return event.gpus.find((gpu) => gpu.uuid === uuid)?.healthy !== true;
  });
}

/** Orders to a worker that may have ended in the very step that gave them. */
const MAY_BE_LATE: ReadonlySet<Effect["type"]> = new Set(["stop-worker", "cancel-job", "sleep-worker"]);

function checkEffect({ state, step, events }: Committed, effect: Effect): void {
  if (effect.type === "prepare-lane") return checkPreparation(state, events, effect.laneKey);
  const worker = state.workers.get(effect.workerId);
  const mayBeGone = MAY_BE_LATE.has(effect.type);
  assert(worker || mayBeGone, `an effect ${effect.type} for worker ${effect.workerId}, which is gone`);
  if (effect.type !== "run-job") return;
  const isRecorded = step.changes.attemptsStarted.some(
    ({ jobId, attempt }) => jobId === effect.jobId && attempt === effect.attempt,
  );
  assert(isRecorded, `job ${effect.jobId} is run without an attempt on record`);
  assert(
    worker?.phase.state === "ready",
    `job ${effect.jobId} is handed to worker ${effect.workerId}, not ready`,
  );
}
