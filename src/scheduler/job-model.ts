import type { RunStats } from "./learned.ts";
import type { Lane, Worker } from "./model.ts";

/** What keeps a job held. It is queued once nothing is left. */
export interface HoldPhase {
  readonly state: "held";
  readonly byPerson: boolean;
  /** Jobs it waits for, and how they have to end. */
  readonly after: ReadonlyMap<number, Condition>;
  readonly untilMs: number | null;
  /** As many jobs of its array are on their way as may be. */
  readonly byArray: boolean;
}

/** How a job has to end for one that waits for it: `any` = however. */
export type Condition = "succeeded" | "failed" | "any";

/** Each state carries its own data: a queued job cannot have a worker, by type. */
export type JobPhase =
  | HoldPhase
  | { readonly state: "queued" }
  | { readonly state: "starting"; readonly worker: Worker }
  | {
      readonly state: "running";
      readonly worker: Worker;
      readonly startedAtMs: number;
      /** Set once it is to end before its time, with the state it will end in. */
      readonly ending: { readonly how: Ending; readonly sinceMs: number } | null;
    };

/** Why a running job is stopped before its time; a preempted one is queued again. */
export type Ending = "cancelled" | "time-limit" | "deadline" | "preempted";

/**
 * Whose share a job counts against: a user (`user:1000`), or a group that has a quota (`group:students`). Usage is in
 * GPU-milliseconds and halves every `Policy.fairShareHalfLifeMs`.
 */
export interface Account {
  readonly key: string;
  /** Decayed usage as of `usageAtMs`. */
  usageMs: number;
  usageAtMs: number;
  /** GPUs its jobs hold now: what the usage grows by. */
  gpusInUse: number;
  /** Jobs that are held or queued, and jobs that have a worker. */
  waitingJobs: number;
  runningJobs: number;
}

/** Limits of an account; null = none. */
export interface Quota {
  readonly running: number | null;
  readonly queued: number | null;
  /** Of decayed usage: more keeps its jobs waiting until it has decayed. */
  readonly gpuHours: number | null;
  readonly maxPriority: number | null;
}

/** What is the same for many jobs, kept once: a million may wait. */
export interface Terms {
  readonly key: string;
  readonly lane: Lane;
  readonly priority: number;
  readonly retries: number;
  /** Wait before the second attempt; it doubles from attempt to attempt. */
  readonly retryDelayMs: number;
  readonly timeLimitMs: number | null;
  /** The user's first, then groups that have quotas. */
  readonly accounts: readonly [Account, ...Account[]];
  /** It may be stopped and queued again for a job of higher priority. */
  readonly preemptible: boolean;
  /** Jobs that are expected to run equally long, e.g. the same script. */
  readonly estimate: RunGroup | null;
  /** Live jobs with these terms; they are forgotten with the last one. */
  jobs: number;
}

/** How long jobs of one kind ran. */
export interface RunGroup {
  readonly key: string;
  run: RunStats;
}

/** What all lanes' pasts say together. */
export interface Pooled {
  run: RunStats;
  start: RunStats;
  stop: RunStats;
}

/** Jobs of one array: at most `maxActive` of them are queued or running at once. */
export interface JobArray {
  readonly id: number;
  readonly maxActive: number;
  readonly active: Set<number>;
  /** Ids held by the array, oldest first. */
  readonly waiting: Set<number>;
}

/** What few jobs have. */
export interface Extras {
  readonly deadlineMs: number | null;
  readonly array: JobArray | null;
  /** It jumped ahead of its priority because its deadline is near. */
  isUrgent: boolean;
  /** Retried with a larger lease after it ran out of memory. */
  hadOutOfMemory: boolean;
  /** It was lost together with others of its worker, and runs alone from then on. */
  isSuspect: boolean;
  preemptions: number;
}

/** One queued job costs this object, a map entry and a queue slot: keep it small, a million may wait (job.ts). */
export interface Job {
  readonly id: number;
  terms: Terms;
  readonly submittedAtMs: number;
  /** Runs started so far; every run is an attempt on record. */
  attempts: number;
  phase: JobPhase;
  extras: Extras | null;
  readonly lane: Lane;
  readonly priority: number;
  readonly timeLimitMs: number | null;
}
