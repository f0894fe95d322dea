import type { OutputOf } from "../../client/client.ts";
import type { EventView, JobDetail, JobView, StatusView } from "../../protocol/views.ts";

export type Users = OutputOf<"GET /quotas">;
export type RuntimeHistory = OutputOf<"GET /history">["runtimes"][number];

/** Whether the daemon is there. */
export type Link =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  | { readonly state: "lost"; readonly sinceMs: number; readonly retryAtMs: number; readonly why: string };

/** What the detail pane is about. */
export type Target =
  | { readonly kind: "job"; readonly id: number }
  | { readonly kind: "worker"; readonly name: string };

export interface Detail {
  readonly target: Target;
  /** Null until it is known, and of workers. */
  readonly job: JobDetail | null;
  readonly why: OutputOf<"GET /jobs/:job/why"> | null;
  readonly log: readonly string[];
  readonly error: string | null;
}

/** All that is known of the daemon now. What is null was not asked for yet. */
export interface Snapshot {
  readonly link: Link;
  /** When it was taken: times count up to this. */
  readonly nowMs: number;
  readonly status: StatusView | null;
  readonly running: readonly JobView[];
  /** The part of the queue that is looked at. */
  readonly queue: readonly JobView[];
  /** When jobs are expected to start, as far as the plan reaches. */
  readonly startsMs: ReadonlyMap<number, number>;
  readonly finished: readonly JobView[];
  readonly runtimes: readonly RuntimeHistory[];
  readonly users: Users | null;
  /** Oldest first. */
  readonly events: readonly EventView[];
  /** Utilisation in percent by the UUID of the GPU, oldest first. */
  readonly loads: ReadonlyMap<string, readonly (number | null)[]>;
  readonly detail: Detail | null;
}

/** Before anything else was heard. */
export function firstSnapshot(nowMs: number, status: StatusView | null): Snapshot {
  return {
    link: { state: status === null ? "connecting" : "live" },
    nowMs,
    status,
    running: [],
    queue: [],
    startsMs: new Map(),
    finished: [],
    runtimes: [],
    users: null,
    events: [],
    loads: new Map(),
    detail: null,
  };
}

/** Where a window of a long list begins. */
export type Anchor =
  /** Oldest first, from the one after this on; 0 = the beginning. */
  | { readonly after: number }
  /** Newest first, from the one before this on; null = the end. */
  | { readonly before: number | null };

/** What the screen shows, and so has to be asked for. */
export interface Wish {
  readonly view: "main" | "users" | "history";
  readonly queue: Anchor;
  readonly finished: Anchor;
  /** Rows of a window. */
  readonly rows: number;
  /** Only jobs of this runtime; null = all. */
  readonly runtime: string | null;
  readonly detail: Target | null;
}
