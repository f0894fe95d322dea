import { must, unreachable } from "../std/assert.ts";
import { accountFor, changeUse, countJob, gpuShareOf } from "./accounts.ts";
import type { Effect } from "./effects.ts";
import { urgentAtMs } from "./estimate.ts";
import { createJob } from "./job.ts";
import type { Extras, HoldPhase, Job, JobArray, Pooled } from "./job-model.ts";
import { lookAgainBy, nothingHeld } from "./job-transitions.ts";
import { noRuns, type RunStats, withRun } from "./learned.ts";
import type { Policy, State, Worker } from "./model.ts";
import type { HoldRow, JobRow, LaneRow, Rows, WorkerRow } from "./rows.ts";
import { createState, laneFor, priorOf } from "./state.ts";
import { runGroupFor, termsFor } from "./terms.ts";
import { restoreTimetable } from "./timetable-rows.ts";

/**
 * Rebuilds the scheduler's state. GPUs count as unhealthy until they are seen again; lanes wait since their oldest job.
 * @throws AssertionFailed if the rows contradict each other: the database's constraints should make that impossible.
 */
export function restore(policy: Policy, rows: Rows): State {
  const state = createState(policy);
  state.nextJobId = rows.nextJobId;
  state.nextWorkerId = rows.nextWorkerId;
  state.adoptedUpTo = rows.nextWorkerId - 1;
  state.lastFence = rows.lastFence;
  for (const row of rows.gpus) {
    const unseen = { foreignBytes: 0, healthy: false, memoryFailures: 0 };
    const untold = { nvlinkPeers: [], numaNode: null };
    state.gpus.set(row.uuid, { ...row, ...unseen, ...untold, leases: new Set() });
  }
  restoreLearned(state, rows);
  for (const row of rows.workers) restoreWorker(state, row);
  const arrays = new Map<number, JobArray>();
  for (const { id, maxActive } of rows.arrays)
    arrays.set(id, { id, maxActive, active: new Set(), waiting: new Set() });
  for (const row of rows.jobs) restoreJob(state, row, arrays);
  restoreTimetable(state, rows.timetable);
  state.nextLimitMs = 0; // The first step looks at every limit.
  return state;
}

function restoreLearned(state: State, rows: Rows): void {
  for (const row of rows.lanes) {
    const { lane } = laneFor(state, row.spec);
    lane.learned = row.learned;
    lane.arrivals = row.arrivals;
    state.firstArrivalMs = Math.min(state.firstArrivalMs, row.arrivals?.sinceMs ?? Number.POSITIVE_INFINITY);
    restorePooled(state.pooled, row);
  }
  for (const lane of state.lanes.values()) lane.prior = priorOf(state, lane.spec);
  for (const row of rows.runGroups) runGroupFor(state, row.key).run = row.run;
  for (const { key, usageMs, usageAtMs } of rows.accounts)
    Object.assign(accountFor(state, key), { usageMs, usageAtMs });
}

function restorePooled(all: Pooled, { spec, learned }: LaneRow): void {
  all.run = pooled(all.run, learned.run);
  if (spec.residency !== "resident") return;
  if (learned.startMs !== null) all.start = withRun(all.start, learned.startMs);
  if (learned.stopMs !== null) all.stop = withRun(all.stop, learned.stopMs);
}

/** The statistics of two sets of runs together (Chan, Golub and LeVeque, 1979). */
function pooled(left: RunStats, right: RunStats): RunStats {
  const count = left.count + right.count;
  if (count === 0) return noRuns;
  const delta = right.meanMs - left.meanMs;
  const squares = left.squares + right.squares + (delta * delta * left.count * right.count) / count;
  return { count, meanMs: left.meanMs + (delta * right.count) / count, squares };
}

function restoreWorker(state: State, row: WorkerRow): void {
  const lane = must(state.lanes.get(row.laneKey), `worker ${row.id} is of an unknown lane`);
  const { id, name, fence, createdAtMs, pinned, phase, backfillUntilMs } = row;
  const worker: Worker = {
    id,
    name,
    lane,
    fence,
    createdAtMs,
    leases: [],
    jobs: new Set(),
    pinned,
    phase,
    backfillUntilMs,
  };
  worker.leases = row.leases.map((held) => {
    const gpu = must(state.gpus.get(held.gpu), `worker ${row.id} holds an unknown GPU`);
    const lease = { gpu, worker, mode: held.mode, vramBytes: held.vramBytes, fence: row.fence };
    gpu.leases.add(lease);
    return lease;
  });
  worker.leases = [...worker.leases].sort((left, right) => left.gpu.index - right.gpu.index);
  state.workers.set(worker.id, worker);
  lane.workers.add(worker);
}

function restoreJob(state: State, row: JobRow, arrays: ReadonlyMap<number, JobArray>): void {
  const lane = must(state.lanes.get(row.laneKey), `job ${row.id} is of an unknown lane`);
  const { id, submittedAtMs, attempts } = row;
  const extras = restoreExtras(row, arrays);
  const job = createJob({ id, terms: termsFor(state, lane, row), submittedAtMs, attempts, extras });
  state.jobs.set(job.id, job);
  restorePhase(state, job, row);
  const isPlaced = job.phase.state === "starting" || job.phase.state === "running";
  countJob(job, isPlaced ? 0 : 1, isPlaced ? 1 : 0);
  if (isPlaced || job.phase.state === "queued") extras?.array?.active.add(job.id);
  if (extras?.deadlineMs != null) {
    const urgentMs = urgentAtMs(state, job, extras.deadlineMs);
    for (const atMs of [urgentMs, extras.deadlineMs])
      state.deadlines.add({ atMs, kind: "deadline", id: job.id });
  }
}

function restoreExtras(row: JobRow, arrays: ReadonlyMap<number, JobArray>): Extras | null {
  if (row.extras === null) return null;
  const { arrayId, deadlineMs, isUrgent, hadOutOfMemory, preemptions, isSuspect = false } = row.extras;
  const array = arrayId === null ? null : must(arrays.get(arrayId), `job ${row.id} is of an unknown array`);
  return { deadlineMs, array, isUrgent, hadOutOfMemory, preemptions, isSuspect };
}

function restorePhase(state: State, job: Job, row: JobRow): void {
  const { lane } = job;
  switch (row.state) {
    case "queued":
      if (lane.queue.size === 0) lane.waitingSinceMs = row.submittedAtMs;
      lane.queue.add(job);
      state.waiting.add(lane);
      return;
    case "held":
      job.phase = restoreHold(state, job, must(row.hold, `job ${row.id} is held by nothing`));
      return;
    case "starting":
    case "running": {
      const worker = must(state.workers.get(row.workerId ?? -1), `job ${row.id} runs on an unknown worker`);
      worker.jobs.add(job);
      if (row.state === "starting") job.phase = { state: "starting", worker };
      else job.phase = { state: "running", worker, startedAtMs: row.startedAtMs ?? 0, ending: row.ending };
      for (const account of job.terms.accounts)
        changeUse(state.policy, account, gpuShareOf(worker), account.usageAtMs);
      return;
    }
    default:
      return unreachable(row.state);
  }
}

function restoreHold(state: State, job: Job, hold: HoldRow): HoldPhase {
  const { byPerson, untilMs, byArray } = hold;
  for (const [id] of hold.after) state.dependents.set(id, (state.dependents.get(id) ?? new Set()).add(job));
  if (untilMs !== null) state.deadlines.add({ atMs: untilMs, kind: "hold", id: job.id });
  if (byArray) job.extras?.array?.waiting.add(job.id);
  return {
    state: "held",
    byPerson,
    after: hold.after.length === 0 ? nothingHeld.after : new Map(hold.after),
    untilMs,
    byArray,
  };
}

/**
 * The effects that a daemon which died may not have performed, derived from the state alone. All are idempotent, so
 * the ones that were performed do no harm. Workers that live on are found by `start-worker` and not started again.
 */
export function pendingEffects(state: State): Effect[] {
  const effects: Effect[] = [];
  lookAgainBy(state, 0);
  for (const { spec, preparation } of state.lanes.values())
    if (preparation.state === "running") effects.push({ type: "prepare-lane", laneKey: spec.key });
  for (const worker of state.workers.values()) {
    effects.push({ type: "start-worker", workerId: worker.id });
    if (worker.phase.state === "stopping") {
      effects.push({ type: "stop-worker", workerId: worker.id, graceMs: worker.lane.spec.stopTimeoutMs });
    }
    if (worker.phase.state === "falling-asleep") effects.push({ type: "sleep-worker", workerId: worker.id });
    if (worker.phase.state === "waking") effects.push({ type: "wake-worker", workerId: worker.id });
    if (worker.lane.spec.residency === "one-shot") continue;
    for (const job of worker.jobs) {
      if (job.phase.state !== "running") continue;
      effects.push({ type: "run-job", workerId: worker.id, jobId: job.id, attempt: job.attempts });
      if (job.phase.ending !== null) effects.push({ type: "cancel-job", workerId: worker.id, jobId: job.id });
    }
  }
  return effects;
}
