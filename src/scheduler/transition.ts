import type { Json } from "../std/json.ts";
import type { Effect, Fire } from "./effects.ts";
import type { NewWork, Payload, RunOutcome } from "./events.ts";
import type { Account, Job, JobArray, RunGroup } from "./job-model.ts";
import type { Gpu, Lane, Lease, State, Worker } from "./model.ts";
import type { Reservation, Schedule } from "./timetable.ts";

/** The end of a job: written once. */
export interface JobEnd {
  readonly job: Job;
  readonly state: "succeeded" | "failed" | "cancelled";
  readonly exitCode: number | null;
  readonly reason: { readonly code: string; readonly text: string } | null;
  readonly output: Json;
  readonly artifacts: Json;
  readonly atMs: number;
}

/** One line of the event log that people follow. */
export interface LogEntry {
  readonly type: string;
  readonly jobId: number | null;
  readonly worker: string | null;
  readonly gpu: string | null;
  readonly text: string;
  readonly atMs: number;
}

/** How an attempt ended; one that never started does not count. */
export type AttemptOutcome = RunOutcome["kind"] | "preempted" | "not-started";

/** A schedule or reservation that is no more. */
export interface Removed {
  readonly id: number;
  readonly atMs: number;
}

/** Everything a step changed, for the one transaction that makes it durable. */
export interface Changes {
  readonly newJobs: {
    readonly job: Job;
    readonly payload: Payload;
    readonly after: readonly number[];
    readonly arrayId: number | null;
    readonly scheduleId: number | null;
  }[];
  readonly newArrays: JobArray[];
  readonly jobs: Set<Job>;
  /** Jobs that are to do something else than they were submitted for. */
  readonly reworked: { readonly job: Job; readonly work: NewWork }[];
  /** Ids of finished jobs whose record goes. */
  readonly forgotten: number[];
  readonly ended: JobEnd[];
  readonly attemptsStarted: {
    readonly jobId: number;
    readonly attempt: number;
    readonly worker: Worker;
    readonly atMs: number;
  }[];
  readonly attemptsEnded: {
    readonly jobId: number;
    readonly attempt: number;
    readonly outcome: AttemptOutcome;
    readonly exitCode: number | null;
    readonly atMs: number;
  }[];
  readonly workers: Set<Worker>;
  readonly identities: { readonly workerId: number; readonly identity: Json }[];
  readonly endpoints: {
    readonly workerId: number;
    readonly endpoint: string | null;
    readonly atMs: number;
  }[];
  readonly workersGone: {
    readonly worker: Worker;
    readonly state: "gone" | "failed";
    readonly exitCode: number | null;
    readonly detail: string | null;
    readonly atMs: number;
  }[];
  readonly lanes: Set<Lane>;
  readonly accounts: Set<Account>;
  readonly runGroups: Set<RunGroup>;
  readonly gpus: Set<Gpu>;
  readonly leasesReleased: { readonly lease: Lease; readonly atMs: number }[];
  readonly leasesGranted: { readonly lease: Lease; readonly atMs: number }[];
  /** Leases of workers that fell asleep or are woken, as they are now; one may do both in one step. */
  readonly leasesResized: Lease[];
  readonly schedules: Set<Schedule>;
  readonly schedulesRemoved: Removed[];
  readonly reservations: Set<Reservation>;
  readonly reservationsRemoved: Removed[];
  readonly log: LogEntry[];
}

/** What an end still has to bring about: the end of a job that waited for it, or a look at all that did. */
export interface Owed {
  readonly job: Job;
  readonly end: Omit<JobEnd, "job" | "atMs">;
  /** Those that waited for the job, which has ended, from `next` on; null = it is the job itself that is to end. */
  readonly dependents: readonly Job[] | null;
  next: number;
  /** Of these, the ones that end, too. */
  readonly ends: Owed[];
}

/** A step in the making: the state it works on, and what has come of it so far. */
export interface Transition {
  readonly state: State;
  nowMs: number;
  readonly effects: Effect[];
  readonly fires: Fire[];
  /** Of this slice of the step. */
  changes: Changes;
  /** So many more jobs may be changed in this slice, besides those that the events are about. */
  left: number;
  /** What was too much for the slices so far; the last one goes first. */
  readonly owed: Owed[];
  /** Lanes that got a job in this step. */
  readonly touched: Set<Lane>;
  /** Something happened that may let a waiting lane go on; else the plan is as it was. */
  needsPlan: boolean;
}

/** A step at `nowMs` that has not changed anything yet. */
export function beginTransition(state: State, nowMs: number, left: number): Transition {
  return {
    state,
    nowMs,
    effects: [],
    fires: [],
    touched: new Set(),
    needsPlan: false,
    left,
    owed: [],
    changes: noChanges(),
  };
}

/** Nothing is changed yet. */
export function noChanges(): Changes {
  return {
    newJobs: [],
    newArrays: [],
    jobs: new Set(),
    reworked: [],
    forgotten: [],
    ended: [],
    attemptsStarted: [],
    attemptsEnded: [],
    workers: new Set(),
    identities: [],
    endpoints: [],
    workersGone: [],
    lanes: new Set(),
    accounts: new Set(),
    runGroups: new Set(),
    gpus: new Set(),
    leasesReleased: [],
    leasesGranted: [],
    leasesResized: [],
    schedules: new Set(),
    schedulesRemoved: [],
    reservations: new Set(),
    reservationsRemoved: [],
    log: [],
  };
}

/** Adds a line to the event log. */
export function log(
  tx: Transition,
  type: string,
  text: string,
  about: { job?: Job; worker?: Worker; gpu?: Gpu } = {},
): void {
  tx.changes.log.push({
    type,
    jobId: about.job?.id ?? null,
    worker: about.worker?.name ?? null,
    gpu: about.gpu?.uuid ?? null,
    text,
    atMs: tx.nowMs,
  });
}
