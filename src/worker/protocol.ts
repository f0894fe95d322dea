import type { Json } from "../std/json.ts";

/** One file of a job's output folder, as listed in its result. */
export interface Artifact {
  readonly name: string;
  readonly bytes: number;
  readonly type: string | null;
}

/** One line of a job's event stream. `done` and `error` are last. */
export type JobEvent =
  | { readonly type: "progress"; readonly fraction: number; readonly text: string | null }
  | { readonly type: "log"; readonly text: string }
  /** The next piece of the text that the job makes. */
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "output"; readonly output: Json }
  | { readonly type: "artifact"; readonly artifact: Artifact }
  | { readonly type: "done" }
  | {
      readonly type: "error";
      readonly code: "failed" | "out-of-memory" | "cancelled" | "stale-fence" | "busy";
      readonly message: string;
    };

/** What `GET /healthz` of a worker says. */
export interface Health {
  readonly status: "starting" | "ready" | "asleep" | "failed";
  readonly detail: string | null;
  readonly vramBytes: number | null;
}

/** A job as it is handed to a ready worker. */
export interface JobHandover {
  readonly jobId: number;
  readonly attempt: number;
  readonly fence: number;
  readonly params: Readonly<Record<string, Json>>;
  /** Folder where the worker puts artifacts; the worker makes it when it has one. */
  readonly outputDir: string;
  /** Goes with the job wherever it is spoken of. */
  readonly correlation: string;
}

/** How a job came out, from the worker's own words. */
export type JobOutcome =
  | { readonly kind: "succeeded"; readonly output: Json; readonly artifacts: readonly Artifact[] }
  /** `cause`: the GPU's memory was too small for it. */
  | { readonly kind: "failed"; readonly message: string; readonly cause?: "out-of-memory" }
  | { readonly kind: "cancelled"; readonly message: string }
  /** The worker refused or went away: not the job's fault. Whether it ran is unknown. */
  | { readonly kind: "lost"; readonly message: string };

/** How to talk to the workers of one protocol. An endpoint is the path of a Unix socket or `http://host:port`. */
export interface WorkerProtocol {
  readonly name: "orch" | "openai" | "cog" | "http";
  /**
   * Whether `run` of a job that was handed over before attaches to it. Where it does not, a broken connection ends
   * the attempt as lost: to send it again would run it twice.
   */
  readonly attaches: boolean;
  /**
   * One readiness probe; null while nobody answers. Ends within `deadlineMs`. A worker that answers anything but the
   * protocol counts as starting, with that as its detail.
   */
  health(endpoint: string, deadlineMs: number): Promise<Health | null>;
  /**
   * Hands over a job, or attaches again to one handed over before (same jobId and attempt; the worker replays its
   * events from the start). `onEvent` sees progress, log, text, output and artifact lines as they come. Never rejects.
   */
  run(endpoint: string, job: JobHandover, onEvent: (event: JobEvent) => void): Promise<JobOutcome>;
  /** Asks the worker to stop a job; the outcome arrives through `run`. Idempotent; never rejects. */
  cancel(endpoint: string, jobId: number): Promise<void>;
  /** Null where workers of this protocol cannot give their VRAM back and live on. */
  readonly sleeper: Sleeper | null;
  /** Closes all connections to a worker that is gone, or that is left to the next daemon; open runs end as lost. */
  forget(endpoint: string): void;
}

/** How a worker sleeps. */
export interface Nap {
  /** 1 = its weights go to the host's memory, 2 = they are discarded and read again. */
  readonly level: 1 | 2;
  /** For falling asleep, and for waking. */
  readonly deadlineMs: number;
}

/** Sends idle workers to sleep and wakes them. Both are idempotent: of a worker that does already they only make sure. */
export interface Sleeper {
  /**
   * The worker gives back the VRAM it can do without.
   * @throws Failure worker/no-sleep when it cannot sleep at all, worker/failed when its state is unknown
   */
  sleep(endpoint: string, nap: Nap): Promise<void>;
  /** @throws Failure worker/failed; its state is unknown then */
  wake(endpoint: string, nap: Nap): Promise<void>;
}
