import type { Json } from "../std/json.ts";
import type { Condition } from "./job-model.ts";
import type { GpuVendor, LaneSpec } from "./model.ts";
import type { RefusalCode } from "./refusal-code.ts";
import type { TermsRow } from "./terms.ts";
import type { ReservationRequest, ScheduleRequest } from "./timetable.ts";
import type { StartStep } from "./worker-phase.ts";

/** A job as it is asked for. `payload` is what only the doing needs: stored, never looked at here. */
export interface NewJob extends TermsRow {
  readonly lane: LaneSpec;
  readonly payload: Payload;
  readonly hold: boolean;
  /** Held until then; null = at once. A time that is past means at once too. */
  readonly notBeforeMs: number | null;
  /** It has to be done by then: it goes before its equals when that gets close, and is given up after it. */
  readonly deadlineMs: number | null;
  /** Jobs that must end first, and how each stands now if it is finished already. */
  readonly after: readonly Dependency[];
  /** Its caller waits on the line: nothing of it is stored; see request-jobs.ts. */
  readonly isRequest?: boolean;
}

export interface Dependency {
  readonly jobId: number;
  readonly condition: Condition;
  readonly outcome: "live" | "succeeded" | "failed" | "cancelled";
}

/** A name that the caller gave a request, so that sending it again queues nothing twice. */
export interface SubmissionKey {
  readonly key: string;
  /** Of what was asked for: the same key with something else is a mistake. */
  readonly digest: string;
  /** Jobs of the request; their ids follow each other. */
  readonly jobs: number;
}

/** The terminal that a command runs in. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  /** Hung up when nobody has been attached for so long, unless the last one left on purpose; null = never. */
  readonly leaveAfterMs: number | null;
}

/** What is stored with a job and handed on as it is. */
export interface Payload {
  readonly params: Readonly<Record<string, Json>>;
  readonly command: readonly string[] | null;
  readonly cwd: string | null;
  readonly env: Readonly<Record<string, string>> | null;
  readonly summary: string;
  readonly label: string | null;
  /** By which it is found among others. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly uid: number;
  readonly user: string;
  readonly retryOf: number | null;
  /** Its number in an array or sweep. */
  readonly arrayIndex: number | null;
  /** What a command runs instead once it has been preempted. */
  readonly resumeCommand?: readonly string[] | null | undefined;
  /** Of a command that runs in a terminal. */
  readonly terminal?: Terminal | null | undefined;
  /** An id of the caller's that goes with the job; null or none = one of its own. */
  readonly correlation?: string | null | undefined;
  /** Of the first job of a request that is to count only once: see `submission_keys` in the database. */
  readonly submissionKey?: SubmissionKey | undefined;
  /** Whom to tell by HTTP how it comes along. */
  readonly webhook?: Webhook | undefined;
  /** Of the first job of a request for many: whom to tell that all of them are over. */
  readonly webhookOfMany?: (Webhook & { readonly jobs: number }) | undefined;
}

/** What somebody may be told of a job. */
export const webhookEvents = ["start", "output", "logs", "completed"] as const;
export type WebhookEvent = (typeof webhookEvents)[number];

export interface Webhook {
  readonly url: string;
  readonly events: readonly WebhookEvent[];
  /** What the addresses in it begin with, where the job was submitted in the shape of a prediction; "" = none are known. */
  readonly base: string;
}

/** How a job's run ended, as the worker or the program's exit says it. */
export interface RunOutcome {
  readonly kind: "succeeded" | "failed" | "cancelled" | "lost";
  readonly exitCode: number | null;
  readonly message: string | null;
  readonly output: Json;
  readonly artifacts: Json;
  /** Why it failed, where that changes what is done next. */
  readonly cause?: "out-of-memory" | undefined;
}

/** How a worker's program ended. */
export interface WorkerExit {
  readonly exitCode: number | null;
  readonly detail: string | null;
  /** Why, where that changes what is done next. */
  readonly cause?: "out-of-memory" | undefined;
}

/** A GPU as the driver shows it now. */
export interface SeenGpu {
  readonly uuid: string;
  readonly index: number;
  readonly totalBytes: number;
  readonly foreignBytes: number;
  readonly healthy: boolean;
  /** The driver says that something is wrong with it which does not pass by itself. */
  readonly fault?: GpuFault | null | undefined;
  readonly nvlinkPeers?: readonly string[];
  readonly numaNode?: number | null;
  readonly vendor?: GpuVendor | null;
  readonly parent?: string | null;
}

/** What the driver says of a GPU that needs a person. */
export interface GpuFault {
  readonly code: "lost" | "reset-required" | "xid";
  readonly text: string;
}

/** Most memory that a worker's programs hold on one of its GPUs now. */
export interface SeenWorker {
  readonly workerId: number;
  readonly vramBytes: number;
}

/** What people ask for. Each is answered with a reply. */
export type Request =
  /** `array`: the jobs belong together; at most `maxActive` of them run at once (null = as many as there is room for). */
  | {
      readonly type: "submit";
      readonly jobs: readonly NewJob[];
      readonly array?: ArrayTerms | undefined;
      readonly part?: Part | undefined;
    }
  | { readonly type: "cancel"; readonly jobId: number }
  | { readonly type: "hold"; readonly jobId: number }
  | { readonly type: "release"; readonly jobId: number }
  /** Only of jobs that wait. What is left out stays; null = none. */
  | {
      readonly type: "change-job";
      readonly jobId: number;
      readonly change: {
        readonly priority?: number | undefined;
        readonly retries?: number | undefined;
        readonly timeLimitMs?: number | null | undefined;
        readonly notBeforeMs?: number | null | undefined;
        readonly deadlineMs?: number | null | undefined;
        readonly work?: NewWork | undefined;
      };
    }
  /** Jobs that are over, and all that is on record of them, are to be gone. */
  | { readonly type: "forget-jobs"; readonly jobIds: readonly number[] }
  | {
      readonly type: "start-worker";
      readonly lane: LaneSpec;
      readonly gpu: string | null;
      readonly evict: boolean;
    }
  /** A worker of the lane will be wanted soon: it is loaded once nobody waits for a GPU. */
  | { readonly type: "preload"; readonly lane: LaneSpec }
  /** The lanes whose workers are kept (`minReplicas`): all of them, each time. */
  | { readonly type: "declare-home"; readonly lanes: readonly LaneSpec[] }
  /** What was measured of a runtime holds no longer. */
  | { readonly type: "forget-learned"; readonly runtime: string }
  /** Its failed starts and crashes are over: it is tried at once. */
  | { readonly type: "reset-runtime"; readonly runtime: string }
  /** A GPU in quarantine was looked at and is in order. */
  | { readonly type: "clear-gpu"; readonly gpu: string }
  | { readonly type: "stop-worker"; readonly workerId: number; readonly force: boolean }
  | { readonly type: "pin-worker"; readonly workerId: number; readonly pinned: boolean }
  | { readonly type: "sleep-worker"; readonly workerId: number }
  | { readonly type: "wake-worker"; readonly workerId: number }
  /** Somebody runs a program beside a worker: it is noted, and changes nothing. */
  | { readonly type: "exec"; readonly workerId: number; readonly user: string; readonly program: string }
  | { readonly type: "shut-down"; readonly mode: "leave" | "drain" | "kill" }
  | ScheduleRequest
  | ReservationRequest;

/** What a waiting job is to do instead: other params, which may belong to another lane. */
export interface NewWork extends Pick<Payload, "params" | "summary"> {
  readonly lane: LaneSpec;
  readonly estimateKey: string | null;
}

/** What the world reports. Old news (of a worker or attempt that is gone) is ignored. */
export type Report =
  | { readonly type: "tick" }
  | {
      readonly type: "gpus-seen";
      readonly gpus: readonly SeenGpu[];
      readonly workers?: readonly SeenWorker[] | undefined;
    }
  | { readonly type: "lane-prepared"; readonly laneKey: string }
  | { readonly type: "lane-prepare-failed"; readonly laneKey: string; readonly message: string }
  | { readonly type: "worker-step"; readonly workerId: number; readonly step: StartStep }
  | { readonly type: "worker-spawned"; readonly workerId: number; readonly identity: Json }
  /** `loadMs`: since its program was started; left out where an earlier daemon started it. */
  | {
      readonly type: "worker-ready";
      readonly workerId: number;
      readonly endpoint: string | null;
      readonly loadMs?: number | undefined;
    }
  /**
   * Nothing of it is running. `memory`: the GPU did not come free; `program`: it could not be started at all;
   * `interrupted`: the daemon ended before it started the program, which says nothing about either; `unprepared`: what
   * was prepared is not there any more. `stuckGpus`: those whose memory nobody is seen to hold.
   */
  | {
      readonly type: "worker-start-failed";
      readonly workerId: number;
      readonly cause: "memory" | "program" | "interrupted" | "unprepared";
      readonly message: string;
      readonly stuckGpus?: readonly string[] | undefined;
    }
  /**
   * It has given its VRAM back. The fence tells this sleep from earlier ones. `residueBytes`: most that it still holds on
   * one of its GPUs; null = the driver does not tell. `ramBytes`: what it takes of the host's memory for that; null = unknown.
   */
  | {
      readonly type: "worker-asleep";
      readonly workerId: number;
      readonly fence: number;
      readonly residueBytes: number | null;
      readonly ramBytes?: number | null;
    }
  | { readonly type: "worker-woken"; readonly workerId: number; readonly fence: number }
  /**
   * It did not fall asleep or wake up, and may be anything in between. `unable`: its program cannot sleep at all;
   * `memory`: its GPUs did not come free.
   */
  | {
      readonly type: "worker-sleep-failed";
      readonly workerId: number;
      readonly fence: number;
      readonly cause: "unable" | "memory" | "program";
      readonly message: string;
    }
  /** It was killed long ago and is still there. */
  | { readonly type: "worker-stuck"; readonly workerId: number; readonly message: string }
  | {
      readonly type: "worker-exited";
      readonly workerId: number;
      readonly exit: WorkerExit;
      readonly result: RunOutcome | null;
    }
  | {
      readonly type: "job-ended";
      readonly jobId: number;
      readonly attempt: number;
      readonly outcome: RunOutcome;
    }
  /** Somebody was told when a waiting job will start. */
  | { readonly type: "eta-given"; readonly jobId: number; readonly etaMs: number };

/** One thing that happened, with the time it happened at. */
export type Event = { readonly atMs: number } & (Request | Report);

/** How a request's jobs belong together. */
export interface ArrayTerms {
  readonly maxActive: number | null;
}

/** The jobs are part of a whole that takes several steps of one transaction, with nothing else between them. */
export interface Part {
  /** So many jobs of it were in earlier requests. */
  readonly before: number;
  /** So many come in later ones, of the same accounts. */
  readonly toCome: number;
}

/** Answer to a request; requests that are refused change nothing. */
export type Reply =
  | { readonly ok: true; readonly ids: readonly number[] }
  | {
      readonly ok: false;
      readonly code: RefusalCode;
      readonly message: string;
      readonly hint: string | null;
    };

/**
 * Requests that are one whole but too many for one step: yields some at a time, is given their replies, and returns what
 * the asker gets once all of it is on disk. If it throws a Failure, nothing of it has happened.
 */
export type LongWork<T> = Generator<readonly Request[], T, readonly (Reply | null)[]>;
