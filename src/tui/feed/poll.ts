import type { Client } from "../../client/client.ts";
import type { JobView } from "../../protocol/views.ts";
import type { Anchor, Snapshot, Wish } from "./snapshot.ts";

/** More are not shown: whoever has more at work looks for one by its name. */
const RUNNING_MOST = 500;
const PLAN_LIMIT = 100;
/** What costs the daemon more is asked for less often. */
const SLOW_MS = 5_000;
/** A plan that took long is asked for so many times its length later. */
const PLAN_REST = 50;
const LOADS_KEPT = 240;

/** What was asked when, between two polls. */
export interface PollState {
  planAtMs: number;
  historyAtMs: number;
  queueAtMs: number;
}

export interface PollOptions {
  readonly client: Client;
  readonly wish: Wish;
  /** Something happened since the last poll: lists may have changed. */
  readonly isDirty: boolean;
  readonly monotonicMs: number;
}

/** What is new, asked for in one go. @throws Failure as the daemon answered it, daemon/unreachable */
export async function poll(
  before: Snapshot,
  state: PollState,
  options: PollOptions,
): Promise<Partial<Snapshot>> {
  const { client, wish, isDirty, monotonicMs } = options;
  const isMain = wish.view === "main";
  const isQueueDue = isDirty || monotonicMs - state.queueAtMs > SLOW_MS;
  const [status, running, queue, users, history] = await Promise.all([
    client.call("GET /status", {}),
    isMain && (isDirty || before.running.length > 0) ? askRunning(client, wish) : undefined,
    isMain && isQueueDue ? askWindow(client, ["held", "queued"], wish.queue, wish) : undefined,
    wish.view === "users" ? client.call("GET /quotas", {}) : undefined,
    wish.view === "history" ? askHistory(state, options) : undefined,
  ]);
  if (isQueueDue) state.queueAtMs = monotonicMs;
  return {
    status,
    loads: addLoads(before.loads, status.gpus),
    ...(running === undefined ? {} : { running }),
    ...(queue === undefined ? {} : { queue: "after" in wish.queue ? queue : queue.toReversed() }),
    ...(users === undefined ? {} : { users }),
    ...(history === undefined ? {} : history),
  };
}

async function askRunning(client: Client, { runtime }: Wish): Promise<JobView[]> {
  const states = ["starting", "running"] as const;
  const input = { states, after: 0, limit: RUNNING_MOST, ...(runtime === null ? {} : { runtime }) };
  return (await client.call("GET /jobs", input)).jobs;
}

type States = readonly JobView["state"][];

/** A window of a list that may be long, oldest first if it is anchored so. */
async function askWindow(client: Client, states: States, anchor: Anchor, wish: Wish): Promise<JobView[]> {
  const where =
    "after" in anchor ? { after: anchor.after } : anchor.before === null ? {} : { before: anchor.before };
  const { jobs } = await client.call("GET /jobs", {
    states,
    limit: wish.rows,
    ...where,
    ...(wish.runtime === null ? {} : { runtime: wish.runtime }),
  });
  return jobs;
}

/**
 * When the jobs that are next are expected to start; null while it is too early to ask again, or nothing waits.
 * @throws Failure as the daemon answered it, daemon/unreachable
 */
export async function askPlan(
  { status }: Pick<Snapshot, "status">,
  state: Pick<PollState, "planAtMs">,
  { client, monotonicMs }: { readonly client: Client; readonly monotonicMs: () => number },
): Promise<ReadonlyMap<number, number> | null> {
  const startMs = monotonicMs();
  if (startMs < state.planAtMs || (status?.jobs.queued ?? 0) === 0) return null;
  state.planAtMs = Number.POSITIVE_INFINITY;
  try {
    const { decisions } = await client.call("GET /plan", { limit: PLAN_LIMIT });
    return new Map(
      decisions.flatMap(({ kind, job, at }) =>
        kind === "start-job" && job !== null ? [[job, Date.parse(at)] as const] : [],
      ),
    );
  } finally {
    const nowMs = monotonicMs();
    state.planAtMs = nowMs + Math.max(SLOW_MS, (nowMs - startMs) * PLAN_REST);
  }
}

async function askHistory(
  state: PollState,
  { client, wish, isDirty, monotonicMs }: PollOptions,
): Promise<Pick<Snapshot, "finished" | "runtimes"> | undefined> {
  if (!isDirty && monotonicMs - state.historyAtMs < SLOW_MS) return undefined;
  state.historyAtMs = monotonicMs;
  const [finished, { runtimes }] = await Promise.all([
    askWindow(client, ["succeeded", "failed", "cancelled"], wish.finished, wish),
    client.call("GET /history", { limit: 1000 }),
  ]);
  const isOldestFirst = "after" in wish.finished;
  return { finished: isOldestFirst ? finished.toReversed() : finished, runtimes };
}

function addLoads(
  before: Snapshot["loads"],
  gpus: readonly { readonly uuid: string; readonly utilizationPercent: number | null }[],
): Snapshot["loads"] {
  return new Map(
    gpus.map(({ uuid, utilizationPercent }) => [
      uuid,
      [...(before.get(uuid) ?? []), utilizationPercent].slice(-LOADS_KEPT),
    ]),
  );
}
