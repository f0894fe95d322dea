import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../../client/client.ts";
import type { StatusView } from "../../protocol/views.ts";
import type { Clock } from "../../std/clock.ts";
import { toFailure } from "../../std/failure.ts";
import { followDetail } from "./detail.ts";
import { EVENTS_KEPT, followEvents } from "./events.ts";
import { askPlan, type PollState, poll } from "./poll.ts";
import { firstSnapshot, type Snapshot, type Target, type Wish } from "./snapshot.ts";

/** What is known of the daemon, kept up to date. It never starts one. */
export interface Feed {
  snapshot(): Snapshot;
  /** Called whenever there is something new. */
  listen(hear: () => void): () => void;
  /** What the screen shows from now on. */
  want(wish: Wish): void;
  /** Asks now instead of at the next turn: something was changed. */
  refresh(): void;
  stop(): void;
}

export interface FeedOptions {
  readonly client: Client;
  readonly clock: Clock;
  /** What is known already. */
  readonly status: StatusView | null;
  /** What is asked for at first. */
  readonly wish: Wish;
  readonly intervalMs: number;
}

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;
/** News come in bursts: they are looked at together, and never more often than this. */
const BURST_MS = 200;

/** Follows the daemon until `stop`. */
export function createFeed(options: FeedOptions): Feed {
  const { client, clock, intervalMs } = options;
  const stop = new AbortController();
  const hearers = new Set<() => void>();
  let { wish } = options;
  let snap = firstSnapshot(clock.nowMs(), options.status);
  const tell = (changes: Partial<Snapshot>): void => {
    if (stop.signal.aborted) return;
    snap = { ...snap, ...changes };
    for (const hear of hearers) hear();
  };
  const polls = createPolls({ ...options, signal: stop.signal, now: () => ({ snap, wish }), tell });
  const follow = createTargetFollower(client, stop.signal, intervalMs, (detail) => tell({ detail }));
  void polls.run();
  return {
    snapshot: () => snap,
    listen(hear) {
      hearers.add(hear);
      return () => hearers.delete(hear);
    },
    want(next) {
      const isOther = keyOf(next) !== keyOf(wish);
      wish = next;
      follow(next.detail);
      if (isOther) polls.hurry();
    },
    refresh: polls.hurry,
    stop: () => stop.abort(),
  };
}

/** What polls ask for depends on all of a wish but the details, which have a stream of their own. */
function keyOf(wish: Wish): string {
  return JSON.stringify({ ...wish, detail: null });
}

interface PollsOptions extends FeedOptions {
  readonly signal: AbortSignal;
  readonly now: () => { snap: Snapshot; wish: Wish };
  readonly tell: (changes: Partial<Snapshot>) => void;
}

/** Looks again and again: at each interval, soon after events, and with growing pauses while the daemon is away. */
function createPolls({ client, clock, intervalMs, signal, now, tell }: PollsOptions) {
  const state: PollState = { planAtMs: 0, historyAtMs: Number.NEGATIVE_INFINITY, queueAtMs: 0 };
  let isDirty = true;
  /** Somebody waits for the answer. */
  let isHurried = false;
  let nap = new AbortController();
  const hurry = (): void => {
    isDirty = true;
    isHurried = true;
    nap.abort();
  };
  const events = followEvents(client, signal, () => {
    if (!isDirty) setTimeout(() => nap.abort(), BURST_MS);
    isDirty = true;
  });
  const rest = async (ms: number): Promise<void> => {
    nap = new AbortController();
    await delay(ms, undefined, { signal: AbortSignal.any([nap.signal, signal]) }).catch(() => undefined);
  };
  /** Apart from the rest: it may take a while, and nothing has to wait for it. */
  const plan = async (): Promise<void> => {
    const startsMs = await askPlan(now().snap, state, { client, monotonicMs: clock.monotonicMs }).catch(
      () => null,
    );
    if (startsMs !== null) tell({ startsMs });
  };
  const turn = async (): Promise<void> => {
    const { snap, wish } = now();
    const asked = { client, wish, isDirty, monotonicMs: clock.monotonicMs() };
    isDirty = false;
    isHurried = false;
    const news = await poll(snap, state, asked);
    const fresh = events.take();
    const all = fresh.length === 0 ? snap.events : [...snap.events, ...fresh].slice(-EVENTS_KEPT);
    tell({ ...news, events: all, nowMs: clock.nowMs(), link: { state: "live" } });
    if (wish.view === "main") void plan();
  };
  const run = async (): Promise<void> => {
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      const startMs = clock.monotonicMs();
      try {
        await turn();
        retryMs = FIRST_RETRY_MS;
        // What happened meanwhile is looked at soon, all of it at once.
        const tookMs = clock.monotonicMs() - startMs;
        if (!isHurried) await rest(isDirty ? BURST_MS : Math.max(BURST_MS, intervalMs - tookMs));
      } catch (error) {
        isDirty = true;
        tell({
          nowMs: clock.nowMs(),
          link: lost(now().snap, clock.nowMs(), retryMs, toFailure(error).sentence),
        });
        await rest(retryMs);
        retryMs = Math.min(LAST_RETRY_MS, retryMs * 2);
      }
    }
  };
  return { run, hurry };
}

function lost(snap: Snapshot, nowMs: number, retryMs: number, why: string): Snapshot["link"] {
  const sinceMs = snap.link.state === "lost" ? snap.link.sinceMs : nowMs;
  return { state: "lost", sinceMs, retryAtMs: nowMs + retryMs, why };
}

/** Follows one job or worker at a time. */
function createTargetFollower(
  client: Client,
  signal: AbortSignal,
  intervalMs: number,
  tell: (detail: Snapshot["detail"]) => void,
): (target: Target | null) => void {
  let followed: { readonly key: string; readonly stop: AbortController } | null = null;
  return (target) => {
    const key = JSON.stringify(target);
    if (key === (followed?.key ?? "null")) return;
    followed?.stop.abort();
    followed = target === null ? null : { key, stop: new AbortController() };
    if (followed === null || target === null) return tell(null);
    const own = AbortSignal.any([followed.stop.signal, signal]);
    void followDetail(client, target, { signal: own, intervalMs, tell });
  };
}
