import type { Json } from "../std/json.ts";
import type { LaneSpec, StartStep } from "./model.ts";

/** A job as it is asked for. `payload` is what only the doing needs: stored, never looked at here. */
export interface NewJob {
  readonly lane: LaneSpec;
  readonly payload: Payload;
  readonly priority: number;
  readonly retries: number;
  readonly timeLimitMs: number | null;
  readonly hold: boolean;
  /** Jobs that must succeed first, and how each stands now if it is finished already. */
  readonly after: readonly Dependency[];
}

export interface Dependency {
  readonly jobId: number;
  readonly outcome: "live" | "succeeded" | "failed" | "cancelled";
}

/** What is stored with a job and handed on as it is. */
export interface Payload {
  readonly params: Readonly<Record<string, Json>>;
  readonly command: readonly string[] | null;
  readonly cwd: string | null;
  readonly env: Readonly<Record<string, string>> | null;
  readonly summary: string;
  readonly label: string | null;
  readonly uid: number;
  readonly user: string;
  readonly retryOf: number | null;
}

/** How a job's run ended, as the worker or the program's exit says it. */
export interface RunOutcome {
  readonly kind: "succeeded" | "failed" | "cancelled" | "lost";
  readonly exitCode: number | null;
  readonly message: string | null;
  readonly output: Json;
  readonly artifacts: Json;
}

/** How a worker's program ended. */
export interface WorkerExit {
  readonly exitCode: number | null;
  readonly detail: string | null;
}

/** A GPU as the driver shows it now. */
export interface SeenGpu {
  readonly uuid: string;
  readonly index: number;
  readonly totalBytes: number;
  readonly foreignBytes: number;
  readonly healthy: boolean;
}

/** What people ask for. Each is answered with a reply. */
export type Request =
  | { readonly type: "submit"; readonly jobs: readonly NewJob[] }
  | { readonly type: "cancel"; readonly jobId: number }
  | { readonly type: "hold"; readonly jobId: number }
  | { readonly type: "release"; readonly jobId: number }
  | {
      readonly type: "start-worker";
      readonly lane: LaneSpec;
      readonly gpu: string | null;
      readonly evict: boolean;
    }
  | { readonly type: "stop-worker"; readonly workerId: number; readonly force: boolean }
  | { readonly type: "pin-worker"; readonly workerId: number; readonly pinned: boolean }
  | { readonly type: "shut-down"; readonly mode: "leave" | "drain" | "kill" };

/** What the world reports. Old news (of a worker or attempt that is gone) is ignored. */
export type Report =
  | { readonly type: "tick" }
  | { readonly type: "gpus-seen"; readonly gpus: readonly SeenGpu[] }
  | { readonly type: "worker-step"; readonly workerId: number; readonly step: StartStep }
  | { readonly type: "worker-spawned"; readonly workerId: number; readonly identity: Json }
  | { readonly type: "worker-ready"; readonly workerId: number; readonly endpoint: string | null }
  /**
   * Nothing of it is running. `memory`: the GPU did not come free; `program`: it could not be started at all;
   * `interrupted`: the daemon ended before it started the program, which says nothing about either.
   */
  | {
      readonly type: "worker-start-failed";
      readonly workerId: number;
      readonly cause: "memory" | "program" | "interrupted";
      readonly message: string;
    }
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
    };

/** One thing that happened, with the time it happened at. */
export type Event = { readonly atMs: number } & (Request | Report);

/** Answer to a request; requests that are refused change nothing. */
export type Reply =
  | { readonly ok: true; readonly ids: readonly number[] }
  | {
      readonly ok: false;
      readonly code: RefusalCode;
      readonly message: string;
      readonly hint: string | null;
    };

export type RefusalCode =
  | "job/unknown"
  | "job/state"
  | "worker/unknown"
  | "worker/state"
  | "gpu/unknown"
  | "gpu/too-many"
  | "gpu/too-large"
  | "dependency/unknown"
  | "dependency/failed"
  | "daemon/stopping";
