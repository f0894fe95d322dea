import type { Arrivals } from "./arrivals.ts";
import type { DeadlineHeap } from "./deadlines.ts";
import type { GivenEta } from "./eta.ts";
import type { Account, Job, Pooled, Quota, RunGroup, Terms } from "./job-model.ts";
import type { LaneQueue } from "./lane-queue.ts";
import type { LaneView } from "./lane-view.ts";
import type { Learned } from "./learned.ts";
import type { Reservation, Schedule } from "./timetable.ts";
import type { SleepSpec, WorkerPhase } from "./worker-phase.ts";

/** How an exclusive or shared claim on a GPU is made. */
export type LeaseMode = "exclusive" | "shared";

/** `residue`: what a worker that is asleep still holds; it stands beside leases of either mode. */
export type HeldMode = LeaseMode | "residue";

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
  /** Null = any. */
  readonly gpuVendor: GpuVendor | null;
  /** What each of its workers takes of the host besides GPUs; 0 = not counted. */
  readonly cpuCores: number;
  readonly ramBytes: number;
  readonly slots: number;
  /** Workers kept or brought back while nobody else needs their room: the home state. */
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Idle time after which a worker is stopped; null = never. */
  readonly keepAliveMs: number | null;
  /** A ready worker is not evicted by lanes of equal priority before this. */
  readonly minResidencyMs: number;
  readonly stopTimeoutMs: number;
  /** Null = its workers cannot sleep: whoever makes room is stopped. */
  readonly sleep: SleepSpec | null;
  /** What has to be made before any of its programs can start; GPUs are granted only after that. */
  readonly needsPreparation: "environment" | "image" | null;
}

export type GpuVendor = "nvidia" | "amd";

/** A lane: the queue of one runtime with one set of load params, and what was learned of it. */
export interface Lane {
  spec: LaneSpec;
  readonly queue: LaneQueue;
  readonly workers: Set<Worker>;
  /** Since when this lane waits for service: its last hand-over, or the arrival of its first waiting job. */
  waitingSinceMs: number;
  /** What this host's own history says of it, and before it has any, of the same runtime with other load params. */
  learned: Learned;
  prior: Learned;
  /** The same of all lanes together: what is expected of one of which nothing else is known. */
  readonly pooled: Pooled;
  /** Whether what its programs need is there; forgotten by a restart, since a look tells. */
  preparation: Preparation;
  /** Consecutive failed starts, workers that ended unasked since a job succeeded, and when the next start may be tried. */
  startFailures: number;
  crashes: number;
  retryAtMs: number;
  lastStartError: string | null;
  /** A person asked for a worker of this lane, with or without jobs waiting. */
  summons: Summons | null;
  /** The worker made for the last summons: not evicted before it is ready, or a switch under load came to nothing. */
  summoned: Worker | null;
  /** While it has no worker: until when it has to be served, and which lanes that leaves room for. */
  wait: LaneWait | null;
  /** Its place among the lanes, renewed by every plan. */
  readonly turn: LaneTurn;
  /** Until then a worker of it is loaded once nobody waits for a GPU, since somebody said it will be wanted; 0 = nobody. */
  hintUntilMs: number;
  /** How often jobs come; no more than a habit, so it is written down only when something else of the lane is. */
  arrivals: Arrivals | null;
  /** The terms of the job that was submitted last. */
  lastTerms: Terms | null;
  /** Numbers about it that plans ask for again and again. */
  view: LaneView | null;
  /** Why its waiting jobs wait, as the last plan saw it. */
  verdict: Verdict;
}

/** Where the making of an environment or image stands. */
export type Preparation =
  | { readonly state: "needed" | "done" }
  | { readonly state: "running"; readonly sinceMs: number };

/** A lane's wait for a worker; the slacks are renewed by every plan (service-bound.ts). */
export interface LaneWait {
  readonly servedAtMs: number;
  dueMs: number;
  readonly counted: Set<Lane>;
  slackMs: number;
  slackBeforeMs: number;
  slackFromMs: number;
}

/** What the order of turns is decided by (lanes.ts). */
export interface LaneTurn {
  isSummoned: boolean;
  rank: number;
  isUnserved: boolean;
  isAllowed: boolean;
  index: number;
  dueMs: number;
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
  | "ram-busy"
  | "quota"
  | "preparing"
  | "start-failed"
  | "stopping";

/** The answer to "why does this lane wait": a code, and the worker or GPUs it is about. */
export interface Verdict {
  readonly code: VerdictCode;
  readonly workerId: number | null;
  readonly gpus: readonly string[];
  readonly untilMs: number | null;
  /** Which limit of which account. */
  readonly account: string | null;
  /** The reservation that keeps it from these GPUs. */
  readonly reservationId: number | null;
}

export interface Lease {
  readonly gpu: Gpu;
  readonly worker: Worker;
  readonly mode: HeldMode;
  readonly vramBytes: number;
  /** A new one with every grant, which waking is too. */
  readonly fence: number;
}

export interface Worker {
  readonly id: number;
  readonly name: string;
  readonly lane: Lane;
  /** The one of its latest grant. */
  fence: number;
  readonly createdAtMs: number;
  leases: readonly Lease[];
  readonly jobs: Set<Job>;
  pinned: boolean;
  phase: WorkerPhase;
  /** It was let onto GPUs promised to others, until they need them: it takes only jobs that end before. */
  backfillUntilMs: number | null;
}

export interface Gpu {
  readonly uuid: string;
  index: number;
  totalBytes: number;
  /** Memory held by programs that are not ours, as the driver last said. */
  foreignBytes: number;
  /** What the driver says of it; work is given to it only if it is not in quarantine, too (`isUsable`). */
  healthy: boolean;
  /** Set until a person clears it. */
  quarantine: Quarantine | null;
  /** Starts in a row for which its memory did not come free, nobody knows why. */
  memoryFailures: number;
  /** GPUs it has a fast link to, and the NUMA node it hangs on, where the driver tells. */
  nvlinkPeers: readonly string[];
  numaNode: number | null;
  /** Null = not told, as of GPUs on paper: then it suits everybody. */
  vendor: GpuVendor | null;
  /** The board that it is an instance of (MIG); null for a board. */
  parent: string | null;
  readonly leases: Set<Lease>;
}

/** Why a GPU is kept out of use: `stuck` = by a program that cannot be killed. */
export type QuarantineCode = "lost" | "reset-required" | "xid" | "memory" | "stuck";

export interface Quarantine {
  readonly code: QuarantineCode;
  readonly text: string;
  readonly sinceMs: number;
}

/** Settings the plan depends on; part of the state so that a replay needs nothing else. */
export interface Policy {
  /** What workers may take of the host together; 0 bytes = not counted. */
  readonly cpuCores: number;
  readonly ramBytes: number;
  /** The quantum of a lane is this many times its measured switch cost. */
  readonly quantumFactor: number;
  /** Kept free on every GPU. */
  readonly vramReserveBytes: number;
  /**
   * How steeply waiting costs grow with age (lane-index.ts). 0 = only the number of jobs done counts, and rare models wait
   * long; larger = the oldest go first, and there are more switches. √2 is where long and mean waits are both near their best.
   */
  readonly urgency: number;
  /** Past use of GPUs counts half after this long. */
  readonly fairShareHalfLifeMs: number;
  /** By account key; `user:*` and `group:*` stand for all that are not named. */
  readonly quotas: Readonly<Record<string, Quota>>;
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
  readonly terms: Map<string, Terms>;
  readonly accounts: Map<string, Account>;
  readonly runGroups: Map<string, RunGroup>;
  readonly pooled: Pooled;
  /** When the first job of all came; Infinity before that. */
  firstArrivalMs: number;
  /** Unserved lanes, the one that has to be served first in front. */
  dueOrder: Lane[];
  /** Largest backlogs that jobs which still wait have met, oldest and largest first. */
  /** Since when costs of waiting are counted (lane-index.ts). */
  indexBaseMs: number;
  readonly backlogPeaks: { readonly atMs: number; readonly backlogMs: number }[];
  /** Held jobs by the job they wait for. */
  readonly dependents: Map<number, Set<Job>>;
  /** Times of holds and of lanes to try again. */
  readonly deadlines: DeadlineHeap;
  /** When waiting jobs were said to start, to learn how good such answers are. */
  readonly etas: Map<number, GivenEta>;
  /** No limit of a running job or idle worker can be over before this; the plan looks at all of them then. */
  nextLimitMs: number;
  readonly schedules: Map<number, Schedule>;
  readonly reservations: Map<number, Reservation>;
  nextScheduleId: number;
  nextReservationId: number;
  nextJobId: number;
  nextWorkerId: number;
  /** Workers up to this id come from an earlier daemon: their times span one in which nobody looked, so they are not measured. */
  adoptedUpTo: number;
  /** Of requests, which are not stored: see request-jobs.ts. */
  lastRequestId: number;
  /** The last fence given out; only grows. */
  lastFence: number;
  /** Set on shutdown: nothing new is started. */
  stopping: boolean;
}
