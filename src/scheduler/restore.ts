import { assert, must, unreachable } from "../std/assert.ts";
import type { Effect } from "./effects.ts";
import { lookAgainBy, QUEUED } from "./job-transitions.ts";
import type {
  Ending,
  HoldPhase,
  Job,
  JobPhase,
  LaneSpec,
  LeaseMode,
  Policy,
  State,
  Worker,
  WorkerPhase,
} from "./model.ts";
import { createState, laneFor } from "./state.ts";

/** The rows that the scheduler's state is rebuilt from: everything that is not finished. */
export interface RestoredRows {
  readonly lanes: readonly {
    readonly spec: LaneSpec;
    readonly startCostMs: number | null;
    readonly stopCostMs: number | null;
  }[];
  readonly gpus: readonly { readonly uuid: string; readonly index: number; readonly totalBytes: number }[];
  readonly workers: readonly RestoredWorker[];
  readonly jobs: Iterable<RestoredJob>;
  readonly nextJobId: number;
  readonly nextWorkerId: number;
  readonly lastFence: number;
}

export interface RestoredWorker {
  readonly id: number;
  readonly name: string;
  readonly laneKey: string;
  readonly fence: number;
  readonly createdAtMs: number;
  readonly pinned: boolean;
  readonly phase: WorkerPhase;
  readonly leases: readonly { readonly gpu: string; readonly mode: LeaseMode; readonly vramBytes: number }[];
}

export interface RestoredJob {
  readonly id: number;
  readonly laneKey: string;
  readonly priority: number;
  readonly submittedAtMs: number;
  readonly retries: number;
  readonly timeLimitMs: number | null;
  readonly attempts: number;
  readonly state: JobPhase["state"];
  readonly workerId: number | null;
  readonly startedAtMs: number | null;
  readonly ending: { readonly how: Ending; readonly sinceMs: number } | null;
  readonly hold: {
    readonly byPerson: boolean;
    readonly untilMs: number | null;
    readonly after: readonly number[];
  } | null;
}

/**
 * Rebuilds the scheduler's state. GPUs count as unhealthy until they are seen again; lanes wait since their oldest job.
 * @throws AssertionFailed if the rows contradict each other: the database's constraints should make that impossible.
 */
export function restore(policy: Policy, rows: RestoredRows): State {
  const state = createState(policy);
  state.nextJobId = rows.nextJobId;
  state.nextWorkerId = rows.nextWorkerId;
  state.adoptedUpTo = rows.nextWorkerId - 1;
  state.lastFence = rows.lastFence;
  for (const gpu of rows.gpus) {
    state.gpus.set(gpu.uuid, { ...gpu, foreignBytes: 0, healthy: false, leases: new Set() });
  }
  for (const row of rows.lanes) {
    const { lane } = laneFor(state, row.spec);
    lane.startCostMs = row.startCostMs;
    lane.stopCostMs = row.stopCostMs;
  }
  for (const row of rows.workers) restoreWorker(state, row);
  for (const row of rows.jobs) restoreJob(state, row);
  state.nextLimitMs = 0; // The first step looks at every limit.
  return state;
}

function restoreWorker(state: State, row: RestoredWorker): void {
  const lane = must(state.lanes.get(row.laneKey), `worker ${row.id} is of an unknown lane`);
  const worker: Worker = {
    id: row.id,
    name: row.name,
    lane,
    fence: row.fence,
    createdAtMs: row.createdAtMs,
    leases: [],
    jobs: new Set(),
    pinned: row.pinned,
    phase: row.phase,
  };
  worker.leases = row.leases.map((held) => {
    const gpu = must(state.gpus.get(held.gpu), `worker ${row.id} holds an unknown GPU`);
    const lease = { gpu, worker, mode: held.mode, vramBytes: held.vramBytes, fence: row.fence };
    gpu.leases.add(lease);
    return lease;
  });
  state.workers.set(worker.id, worker);
  lane.workers.add(worker);
}

function restoreJob(state: State, row: RestoredJob): void {
  const lane = must(state.lanes.get(row.laneKey), `job ${row.id} is of an unknown lane`);
  const job: Job = {
    id: row.id,
    lane,
    priority: row.priority,
    submittedAtMs: row.submittedAtMs,
    retries: row.retries,
    timeLimitMs: row.timeLimitMs,
    attempts: row.attempts,
    phase: QUEUED,
  };
  state.jobs.set(job.id, job);
  switch (row.state) {
    case "queued":
      if (lane.queue.size === 0) lane.waitingSinceMs = row.submittedAtMs;
      lane.queue.add(job.id, job.priority);
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
      return;
    }
    default:
      return unreachable(row.state);
  }
}

function restoreHold(state: State, job: Job, hold: NonNullable<RestoredJob["hold"]>): HoldPhase {
  for (const id of hold.after) state.dependents.set(id, (state.dependents.get(id) ?? new Set()).add(job));
  if (hold.untilMs !== null) state.deadlines.add({ atMs: hold.untilMs, kind: "hold", id: job.id });
  assert(hold.byPerson || hold.untilMs !== null || hold.after.length > 0, `job ${job.id} is held by nothing`);
  return { state: "held", byPerson: hold.byPerson, after: new Set(hold.after), untilMs: hold.untilMs };
}

/**
 * The effects that a daemon which died may not have performed, derived from the state alone. All are idempotent, so
 * the ones that were performed do no harm. Workers that live on are found by `start-worker` and not started again.
 */
export function pendingEffects(state: State): Effect[] {
  const effects: Effect[] = [];
  lookAgainBy(state, 0);
  for (const worker of state.workers.values()) {
    effects.push({ type: "start-worker", workerId: worker.id });
    if (worker.phase.state === "stopping") {
      effects.push({ type: "stop-worker", workerId: worker.id, graceMs: worker.lane.spec.stopTimeoutMs });
    }
    if (worker.lane.spec.residency === "one-shot") continue;
    for (const job of worker.jobs) {
      if (job.phase.state !== "running") continue;
      effects.push({ type: "run-job", workerId: worker.id, jobId: job.id, attempt: job.attempts });
      if (job.phase.ending !== null) effects.push({ type: "cancel-job", workerId: worker.id, jobId: job.id });
    }
  }
  return effects;
}
