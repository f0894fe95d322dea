import type { Arrivals } from "./arrivals.ts";
import type { Account, Condition, Ending, HoldPhase, Job, JobPhase, RunGroup } from "./job-model.ts";
import type { Learned, RunStats } from "./learned.ts";
import type { Gpu, GpuVendor, HeldMode, Lane, LaneSpec, Quarantine, State, Worker } from "./model.ts";
import { rowOfTerms, type TermsRow } from "./terms.ts";
import { rowsOfTimetable, type TimetableRows } from "./timetable-rows.ts";
import type { WorkerPhase } from "./worker-phase.ts";

// The state as plain data: what the database keeps, the simulator compares and a forecast starts from.

/** A lane as stored. */
export interface LaneRow {
  readonly spec: LaneSpec;
  readonly learned: Learned;
  readonly arrivals: Arrivals | null;
}

/** A GPU as stored: what the driver says is read anew. */
export interface GpuRow {
  readonly uuid: string;
  readonly index: number;
  readonly totalBytes: number;
  /** A job for a vendor's GPUs may come before the driver has answered. */
  readonly vendor: GpuVendor | null;
  readonly parent: string | null;
  readonly quarantine: Quarantine | null;
}

/** An account as stored; its counts follow from its jobs. */
export interface AccountRow {
  readonly key: string;
  readonly usageMs: number;
  readonly usageAtMs: number;
}

/** How long jobs of one kind ran, as stored. */
export interface RunGroupRow {
  readonly key: string;
  readonly run: RunStats;
}

/** An array that has a limit. */
export interface ArrayRow {
  readonly id: number;
  readonly maxActive: number;
}

/** A worker with the leases it holds. */
export interface WorkerRow {
  readonly id: number;
  readonly name: string;
  readonly laneKey: string;
  readonly fence: number;
  readonly createdAtMs: number;
  readonly pinned: boolean;
  readonly backfillUntilMs: number | null;
  readonly phase: WorkerPhase;
  readonly leases: readonly { readonly gpu: string; readonly mode: HeldMode; readonly vramBytes: number }[];
}

/** Why a job is held. */
export interface HoldRow {
  readonly byPerson: boolean;
  readonly untilMs: number | null;
  readonly after: readonly (readonly [number, Condition])[];
  readonly byArray: boolean;
}

/** What few jobs have. */
export interface ExtrasRow {
  readonly deadlineMs: number | null;
  readonly arrayId: number | null;
  readonly isUrgent: boolean;
  readonly hadOutOfMemory: boolean;
  /** Missing in rows of older versions. */
  readonly isSuspect?: boolean;
  readonly preemptions: number;
}

/** A job that is not over, with its terms. */
export interface JobRow extends TermsRow {
  readonly id: number;
  readonly laneKey: string;
  readonly submittedAtMs: number;
  readonly attempts: number;
  readonly state: JobPhase["state"];
  readonly workerId: number | null;
  readonly startedAtMs: number | null;
  readonly ending: { readonly how: Ending; readonly sinceMs: number } | null;
  readonly hold: HoldRow | null;
  readonly extras: ExtrasRow | null;
}

/** Everything that is not finished: what `restore` rebuilds a state from. */
export interface Rows {
  readonly lanes: readonly LaneRow[];
  readonly gpus: readonly GpuRow[];
  readonly accounts: readonly AccountRow[];
  readonly runGroups: readonly RunGroupRow[];
  readonly arrays: readonly ArrayRow[];
  readonly workers: readonly WorkerRow[];
  readonly jobs: Iterable<JobRow>;
  readonly nextJobId: number;
  readonly nextWorkerId: number;
  readonly lastFence: number;
  readonly timetable: TimetableRows;
}

/** A lane as plain data. */
export function rowOfLane({ spec, learned, arrivals }: Lane): LaneRow {
  return { spec, learned, arrivals };
}

/** A GPU as plain data. */
export function rowOfGpu({ uuid, index, totalBytes, vendor, parent, quarantine }: Gpu): GpuRow {
  return { uuid, index, totalBytes, vendor, parent, quarantine };
}

/** An account as plain data. */
export function rowOfAccount({ key, usageMs, usageAtMs }: Account): AccountRow {
  return { key, usageMs, usageAtMs };
}

/** A run group as plain data. */
export function rowOfRunGroup({ key, run }: RunGroup): RunGroupRow {
  return { key, run };
}

/** A worker as plain data. */
export function rowOfWorker(worker: Worker): WorkerRow {
  const { id, name, fence, createdAtMs, pinned, backfillUntilMs } = worker;
  return {
    id,
    name,
    laneKey: worker.lane.spec.key,
    fence,
    createdAtMs,
    pinned,
    backfillUntilMs,
    phase: worker.phase,
    leases: worker.leases.map(({ gpu, mode, vramBytes }) => ({ gpu: gpu.uuid, mode, vramBytes })),
  };
}

/** A hold as plain data. */
export function rowOfHold({ byPerson, untilMs, after, byArray }: HoldPhase): HoldRow {
  return { byPerson, untilMs, after: [...after], byArray };
}

/** What few jobs have, or null. */
export function rowOfExtras({ extras }: Job): ExtrasRow | null {
  if (extras === null) return null;
  const { array, deadlineMs, isUrgent, hadOutOfMemory, preemptions, isSuspect } = extras;
  return { deadlineMs, arrayId: array?.id ?? null, isUrgent, hadOutOfMemory, preemptions, isSuspect };
}

/** A job as plain data. */
export function rowOfJob(job: Job): JobRow {
  const { id, submittedAtMs, attempts, phase } = job;
  const isPlaced = phase.state === "starting" || phase.state === "running";
  const { priority, retries, retryDelayMs, timeLimitMs, accounts, preemptible, estimateKey } = rowOfTerms(
    job.terms,
  );
  // Named one by one: what is spread and then added to is slow to make and to read, and there may be 100,000 of them.
  return {
    priority,
    retries,
    retryDelayMs,
    timeLimitMs,
    accounts,
    preemptible,
    estimateKey,
    id,
    laneKey: job.lane.spec.key,
    submittedAtMs,
    attempts,
    state: phase.state,
    workerId: isPlaced ? phase.worker.id : null,
    startedAtMs: phase.state === "running" ? phase.startedAtMs : null,
    ending: phase.state === "running" ? phase.ending : null,
    hold: phase.state === "held" ? rowOfHold(phase) : null,
    extras: rowOfExtras(job),
  };
}

/** The rows of a state, with at most `jobsPerLane` of the jobs that wait in each lane and all others. */
export function rowsOf(state: State, jobsPerLane = Number.POSITIVE_INFINITY): Rows {
  return {
    lanes: [...state.lanes.values()].map(rowOfLane),
    gpus: [...state.gpus.values()].map(rowOfGpu),
    accounts: [...state.accounts.values()].map(rowOfAccount),
    runGroups: [...state.runGroups.values()].map(rowOfRunGroup),
    arrays: arraysOf(state),
    workers: [...state.workers.values()].map(rowOfWorker),
    jobs: jobRows(state, jobsPerLane),
    nextJobId: state.nextJobId,
    nextWorkerId: state.nextWorkerId,
    lastFence: state.lastFence,
    timetable: rowsOfTimetable(state),
  };
}

function* jobRows(state: State, jobsPerLane: number): Generator<JobRow, void, undefined> {
  if (!Number.isFinite(jobsPerLane)) {
    for (const job of state.jobs.values()) yield rowOfJob(job);
    return;
  }
  for (const worker of state.workers.values()) for (const job of worker.jobs) yield rowOfJob(job);
  for (const lane of state.lanes.values()) {
    for (const id of lane.queue.list(jobsPerLane)) {
      const job = state.jobs.get(id);
      if (job) yield rowOfJob(job);
    }
  }
}

function arraysOf(state: State): ArrayRow[] {
  const rows = new Map<number, ArrayRow>();
  for (const { extras } of state.jobs.values()) {
    const array = extras?.array;
    if (array) rows.set(array.id, { id: array.id, maxActive: array.maxActive });
  }
  return [...rows.values()];
}
