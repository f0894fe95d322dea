import type { DeadlineHeap } from "./deadlines.ts";
import type { LaneQueue } from "./lane-queue.ts";

/** How an exclusive or shared claim on a GPU is made. */
export type LeaseMode = "exclusive" | "shared";

/** What every worker of a lane needs and how it is treated: plain data, stored with the lane. */
export interface LaneSpec {
  /** Stable key: the runtime's name, its load params, and for commands the shape of the lease. */
  readonly key: string;
  /** The runtime's name, or "run" for plain commands. */
  readonly runtime: string;
  /** Params its workers are started with, as JSON text. Never looked at here. */
  readonly load: string;
  /** What people read instead of the key. */
  readonly title: string;
  /** A resident worker serves many jobs; a one-shot worker is the job. */
  readonly residency: "resident" | "one-shot";
  readonly gpuCount: number;
  readonly mode: LeaseMode;
  /** Bytes on each GPU; null = all of it (exclusive only). */
  readonly vramBytes: number | null;
  readonly slots: number;
  readonly maxReplicas: number;
  /** Idle time after which a worker is stopped; null = never. */
  readonly keepAliveMs: number | null;
  readonly stopTimeoutMs: number;
}

/** A lane: the queue of one runtime with one set of load params, and what was learned of it. */
export interface Lane {
  spec: LaneSpec;
  readonly queue: LaneQueue;
  readonly workers: Set<Worker>;
  /** Since when this lane waits for service: its last hand-over, or the arrival of its first waiting job. */
  waitingSinceMs: number;
  /** Smoothed cost of making it resident: from the grant to readiness, and from the stop order to the exit. */
  startCostMs: number | null;
  stopCostMs: number | null;
  /** Consecutive failed starts, and when the next one may be tried. */
  startFailures: number;
  retryAtMs: number;
  lastStartError: string | null;
  /** A person asked for a worker of this lane, with or without jobs waiting. */
  summons: Summons | null;
  /** The worker made for the last summons: not evicted before it is ready, or a switch under load came to nothing. */
  summoned: Worker | null;
  /** Why its waiting jobs wait, as the last plan saw it. */
  verdict: Verdict;
}

/** `evict` lets it take the place of a worker that is still within its quantum. */
export interface Summons {
  readonly gpu: string | null;
  readonly evict: boolean;
}

export type VerdictCode =
  | "next"
  | "worker-starting"
  | "worker-busy"
  | "draining"
  | "gpu-busy"
  | "gpu-reserved"
  | "gpu-foreign"
  | "gpu-unavailable"
  | "cpu-busy"
  | "start-failed"
  | "stopping";

/** The answer to "why does this lane wait": a code, and the worker or GPUs it is about. */
export interface Verdict {
  readonly code: VerdictCode;
  readonly workerId: number | null;
  readonly gpus: readonly string[];
  readonly untilMs: number | null;
}

/** What keeps a job held. It is queued once nothing is left. */
export interface HoldPhase {
  readonly state: "held";
  readonly byPerson: boolean;
  readonly after: ReadonlySet<number>;
  readonly untilMs: number | null;
}

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

export type Ending = "cancelled" | "time-limit";

/** One queued job costs this object, a map entry and a queue slot: keep it small, a million may wait. */
export interface Job {
  readonly id: number;
  readonly lane: Lane;
  readonly priority: number;
  readonly submittedAtMs: number;
  readonly retries: number;
  readonly timeLimitMs: number | null;
  /** Runs started so far; every run is an attempt on record. */
  attempts: number;
  phase: JobPhase;
}

export interface Lease {
  readonly gpu: Gpu;
  readonly worker: Worker;
  readonly mode: LeaseMode;
  readonly vramBytes: number;
  readonly fence: number;
}

export type StartStep = "vram" | "environment" | "spawn" | "load";

export type WorkerPhase =
  | { readonly state: "starting"; readonly step: StartStep; readonly sinceMs: number }
  | { readonly state: "ready"; readonly sinceMs: number; readonly idleSinceMs: number }
  | { readonly state: "draining"; readonly sinceMs: number; readonly reason: StopReason }
  | { readonly state: "stopping"; readonly sinceMs: number; readonly reason: StopReason };

export type StopReason =
  | "evicted"
  | "idle"
  | "asked"
  | "switched"
  | "job-ended"
  | "job-stuck"
  | "shutdown"
  | "start-failed"
  | "gpu-lost";

export interface Worker {
  readonly id: number;
  readonly name: string;
  readonly lane: Lane;
  readonly fence: number;
  readonly createdAtMs: number;
  leases: readonly Lease[];
  readonly jobs: Set<Job>;
  pinned: boolean;
  phase: WorkerPhase;
}

export interface Gpu {
  readonly uuid: string;
  index: number;
  totalBytes: number;
  /** Memory held by programs that are not ours, as the driver last said. */
  foreignBytes: number;
  healthy: boolean;
  readonly leases: Set<Lease>;
}

/** Settings the plan depends on; part of the state so that a replay needs nothing else. */
export interface Policy {
  /** Commands without a GPU that may run at once. */
  readonly cpuSlots: number;
  /** The quantum of a lane is this many times its measured switch cost. */
  readonly quantumFactor: number;
  /** Kept free on every GPU. */
  readonly vramReserveBytes: number;
}

/** All the scheduler knows. It can be rebuilt from the database at any time. */
export interface State {
  readonly policy: Policy;
  readonly jobs: Map<number, Job>;
  readonly lanes: Map<string, Lane>;
  readonly workers: Map<number, Worker>;
  readonly gpus: Map<string, Gpu>;
  /** Lanes with at least one queued job, or summoned. */
  readonly waiting: Set<Lane>;
  /** Held jobs by the job they wait for. */
  readonly dependents: Map<number, Set<Job>>;
  /** Times of holds and of lanes to try again. */
  readonly deadlines: DeadlineHeap;
  /** No limit of a running job or idle worker can be over before this; the plan looks at all of them then. */
  nextLimitMs: number;
  nextJobId: number;
  nextWorkerId: number;
  /** Workers up to this id come from an earlier daemon: their times span one in which nobody looked, so they are not measured. */
  adoptedUpTo: number;
  /** The last fence given out; only grows. */
  lastFence: number;
  /** Set on shutdown: nothing new is started. */
  stopping: boolean;
}
