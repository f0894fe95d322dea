import type { DecisionView, GpuView, JobView, StatusView, WorkerView } from "../../protocol/views.ts";
import { systemClock } from "../../std/clock.ts";
import { ApiError, call, isLost } from "./api.ts";
import { createStateEvents } from "./state-events.ts";

/** How the page hears of what happens. */
export type Connection = "connecting" | "live" | "polling" | "lost" | "signed-out";

/** Of the daemon itself. */
export type Status = Omit<StatusView, "gpus" | "workers" | "uptimeMs" | "longestStallMs">;

/** What the page knows of the host, as of a moment. */
export interface Live {
  readonly status: Status | null;
  readonly gpus: readonly GpuView[];
  readonly workers: readonly WorkerView[];
  readonly running: readonly JobView[];
  /** The first of those that wait. */
  readonly waiting: readonly JobView[];
  /** Those that ended last. */
  readonly ended: readonly JobView[];
  readonly plan: readonly DecisionView[];
  readonly connection: Connection;
  /** Why the daemon did not say what it was asked; null = it did. */
  readonly problem: unknown;
  /** When the newest of it came. */
  readonly atMs: number;
}

interface JobList {
  readonly jobs: readonly JobView[];
  readonly total: number;
}

/** What comes by the stream: the same views as the operations give, at first all parts, then those that changed. */
interface StateParts {
  readonly status?: Status;
  readonly gpus?: readonly GpuView[];
  readonly workers?: readonly WorkerView[];
  readonly running?: JobList;
  readonly waiting?: JobList;
  readonly ended?: JobList;
  readonly plan?: { readonly decisions: readonly DecisionView[] } | null;
}

/** Without the stream the page asks this often. */
const POLL_MS = 2_000;
const RETRY_MS = 1_500;
/** A stream that broke off: what it would have said is asked for soon, but not by all pages at the same moment as it broke. */
const BREAK_MS = 300;
/** Somebody may have signed in meanwhile, in another window. */
const SIGNED_OUT_MS = 5_000;
const JOBS_SHOWN = 50;
const DECISIONS_SHOWN = 50;

const empty: Live = {
  ...{ status: null, gpus: [], workers: [], running: [], waiting: [], ended: [], plan: [] },
  ...{ connection: "connecting", problem: null, atMs: 0 },
};

/** Keeps what is known of the host fresh: by the daemon's event stream, or by asking where there is none. */
export interface LiveFeed {
  get(): Live;
  subscribe(listener: () => void): () => void;
  /** Asks at once: something was done, or somebody signed in or out. */
  refresh(): void;
}

/** Begins at once, and lives as long as the page. */
export function createLiveFeed(): LiveFeed {
  let live = empty;
  let timer: number | undefined;
  let isForced = false;
  const listeners = new Set<() => void>();
  const set = (change: Partial<Live>): void => {
    live = { ...live, ...change };
    for (const listener of listeners) listener();
  };
  const take = (parts: StateParts, connection: Connection): void =>
    set({ ...changeOf(parts), connection, problem: null, atMs: systemClock.nowMs() });
  const schedule = (delayMs: number): void => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => void poll(), delayMs);
  };
  const events = createStateEvents(
    (json) => take(JSON.parse(json) as StateParts, "live"),
    () => schedule(BREAK_MS),
  );
  const poll = async (): Promise<void> => {
    if (document.hidden) return;
    if (!isForced && live.connection === "live" && events.isGood()) return schedule(POLL_MS);
    isForced = false;
    try {
      const parts = await askParts();
      events.isConfirmed();
      take(parts, events.isGood() ? "live" : "polling");
      events.open();
      schedule(POLL_MS);
    } catch (error) {
      set(afterError(error, live.connection));
      if (live.connection === "signed-out" || live.connection === "lost") events.close();
      schedule(live.connection === "signed-out" ? SIGNED_OUT_MS : RETRY_MS);
    }
  };
  // Browsers have six connections to a host, for all pages together: one that nobody sees keeps none, and asks nothing.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) events.close();
    else schedule(0);
  });
  schedule(0);
  events.open();
  return {
    get: () => live,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    refresh() {
      isForced = true;
      schedule(0);
    },
  };
}

function changeOf({ running, waiting, ended, plan, ...parts }: StateParts): Partial<Live> {
  return {
    ...parts,
    ...(running && { running: running.jobs }),
    ...(waiting && { waiting: waiting.jobs }),
    ...(ended && { ended: ended.jobs }),
    ...(plan !== undefined && { plan: plan?.decisions ?? [] }),
  };
}

async function askParts(): Promise<StateParts> {
  const [{ gpus, workers, ...status }, running, waiting, ended, plan] = await Promise.all([
    call("GET /status", {}),
    call("GET /jobs", { states: ["starting", "running"], after: 0, limit: JOBS_SHOWN }),
    call("GET /jobs", { states: ["held", "queued"], after: 0, limit: JOBS_SHOWN }),
    call("GET /jobs", { states: ["succeeded", "failed", "cancelled"], limit: JOBS_SHOWN }),
    call("GET /plan", { limit: DECISIONS_SHOWN }),
  ]);
  return { status, gpus, workers, running, waiting, ended, plan };
}

function afterError(error: unknown, before: Connection): Pick<Live, "connection" | "problem"> {
  if (isLost(error)) return { connection: "lost", problem: null };
  if (error instanceof ApiError && error.status === 401) return { connection: "signed-out", problem: null };
  return { connection: before, problem: error };
}
