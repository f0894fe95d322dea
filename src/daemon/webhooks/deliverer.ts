import fs from "node:fs/promises";
import type { Logger } from "pino";
import type { Context } from "../../operations/context.ts";
import { type LastingEvent, webhookId } from "../../operations/webhook-view.ts";
import { toFailure } from "../../std/failure.ts";
import type { Rng } from "../../std/rng.ts";
import type { SafeFetch } from "../../std/safe-fetch/safe-fetch.ts";
import type { JobsTogether } from "../../store/jobs-together.ts";
import type { WebhookName, WebhookProgress, WebhookRow, WebhookStore } from "../../store/webhooks.ts";
import type { QuietWrite } from "../quiet-write.ts";
import { composeBody } from "./compose.ts";
import { composeEndOfMany } from "./compose-end-of-many.ts";
import { createHookList, type Hook } from "./hook-list.ts";
import { createHostLanes } from "./host-lanes.ts";
import { type Pending, pendingEvent, pendingOfMany } from "./pending-event.ts";
import type { OwnSecrets } from "./secrets.ts";
import { type Sent, sendWebhook } from "./send.ts";

export interface DelivererParts {
  readonly ctx: () => Context;
  readonly store: WebhookStore;
  readonly together: JobsTogether;
  readonly write: QuietWrite;
  readonly fetch: SafeFetch;
  readonly secrets: OwnSecrets;
  readonly rng: Rng;
  readonly log: Logger;
}

/** Tells whoever asked for it how jobs come along. */
export interface Deliverer {
  /** Goes on with what the last daemon did not get to. */
  start(): void;
  /** Jobs of these ids were submitted, some with webhooks. */
  watch(first: number, last: number): void;
  /** Tries again at once what was given up or has to wait. Gives those it does so with. @throws Failure store/full and others */
  retry(names: readonly WebhookName[]): Promise<readonly WebhookName[]>;
  stop(): Promise<void>;
}

/** What a job writes is told at most so often. */
const LOG_EVERY_MS = 500;
/** Told and noted: what is told in between may be told twice after a crash. */
const NOTE_EVERY_MS = 100;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 3_600_000;
const GIVE_UP_MS = 24 * 3_600_000;

/** Nothing is told before `start`. */
export function createDeliverer(parts: DelivererParts): Deliverer {
  const deliverer = new WebhookDeliverer(parts);
  return {
    start: () => deliverer.start(),
    watch: (first, last) => deliverer.watch(first, last),
    retry: (names) => deliverer.retry(names),
    stop: () => deliverer.stop(),
  };
}

class WebhookDeliverer {
  private readonly parts: DelivererParts;
  private readonly hooks = createHookList();
  private readonly lanes = createHostLanes();
  private readonly dirty = new Map<string, WebhookRow>();
  private noting: Promise<void> = Promise.resolve();
  /** Jobs that run, and of which what they write is to be told. */
  private readonly writing = new Set<number>();
  private isReading = false;
  /** What is still on its way is told again by the next daemon; the database is closed by then. */
  private isStopped = false;
  private stops: (() => void)[] = [];

  constructor(parts: DelivererParts) {
    this.parts = parts;
  }

  start(): void {
    const unlisten = this.parts.ctx().feed.listen((notice) => {
      if (notice.type !== "jobs") return;
      for (const hook of this.hooks.waitingFor(notice.ids)) this.look(hook);
    });
    const logs = setInterval(() => void this.lookAtLogs(), LOG_EVERY_MS);
    const notes = setInterval(() => void this.note(), NOTE_EVERY_MS);
    for (const timer of [logs, notes]) timer.unref();
    this.stops = [unlisten, () => clearInterval(logs), () => clearInterval(notes)];
    this.watch(0, Number.MAX_SAFE_INTEGER);
  }

  watch(first: number, last: number): void {
    for (const row of this.parts.store.open(first, last))
      if (this.hooks.find(row) === undefined) this.look(this.hooks.add(row));
  }

  async retry(names: readonly WebhookName[]): Promise<readonly WebhookName[]> {
    // What is on its way to disk is there then.
    await this.note();
    const retried: Hook[] = [];
    for (const name of names) {
      const row =
        this.hooks.find(name)?.row ?? this.dirty.get(webhookId(name)) ?? this.parts.store.find(name);
      if (row === undefined || row.state === "done") continue;
      const hook = this.hooks.find(name) ?? this.hooks.add(row);
      if (hook.timer !== null) clearTimeout(hook.timer);
      hook.timer = null;
      this.change(hook, { state: "open", tries: 0, failingSinceMs: null, nextAtMs: null });
      retried.push(hook);
    }
    await this.inTurn(() => this.noteDirty());
    const done = retried.map(({ row: { jobId, jobs } }) => ({ jobId, jobs }));
    for (const hook of retried) if (this.hooks.find(hook.row) === hook) this.look(hook);
    return done;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.lanes.close();
    for (const stop of this.stops) stop();
    for (const { timer } of this.hooks.all) if (timer !== null) clearTimeout(timer);
    await this.note();
  }

  /** Sends what is due, or sees to it that it will be. Called within commits: it is quick. */
  private look(hook: Hook): void {
    if (this.isStopped) return;
    const pending = this.pendingOf(hook);
    if (hook.isBusy || hook.timer !== null) return;
    if (pending === "done") return this.end(hook, "done", hook.row.detail);
    if (pending === "wait") return;
    const waitMs = (hook.row.nextAtMs ?? 0) - this.parts.ctx().clock.nowMs();
    if (waitMs <= 0) return this.enqueue(hook, pending.event, pending.toldThen);
    hook.timer = setTimeout(() => {
      hook.timer = null;
      this.look(hook);
    }, waitMs);
    hook.timer.unref();
  }

  private pendingOf(hook: Hook): Pending {
    const { jobId, jobs, events } = hook.row;
    if (jobs > 0) {
      const live = this.parts.together.firstLive(hook.row);
      if (live !== null) this.hooks.watch(hook, live);
      return pendingOfMany(hook.row, live === null);
    }
    const job = this.parts.ctx().queries.job(jobId);
    if (job?.state === "running" && events.includes("logs")) this.writing.add(jobId);
    else this.writing.delete(jobId);
    return pendingEvent(hook.row, job);
  }

  private enqueue(hook: Hook, event: LastingEvent | "logs", toldThen: number): void {
    hook.isBusy = true;
    this.lanes.enter(new URL(hook.row.url).host, async () => {
      const sent = await this.send(hook.row, event, hook.logBytes);
      hook.isBusy = false;
      if (this.isStopped) return;
      if (event !== "logs") this.settle(hook, sent, toldThen);
      if (this.hooks.find(hook.row) === hook) this.look(hook);
    });
  }

  private async send(row: WebhookRow, event: LastingEvent | "logs", logBytes: number): Promise<Sent> {
    const { fetch, secrets, log } = this.parts;
    const ctx = this.parts.ctx();
    try {
      const owned = this.parts.store.find(row);
      if (owned === undefined) return { outcome: "refused", why: "the job was removed" };
      const body =
        row.jobs > 0
          ? await composeEndOfMany(this.parts.together, owned)
          : await composeBody(ctx, row, event, (text) => secrets.sign("links", text));
      const part = event === "logs" ? `logs_${logBytes}` : event;
      const id = `msg_${ctx.host.instance.slice(0, 8)}_${webhookId(row)}_${part}`;
      const sign = (text: string): string => secrets.sign(String(owned.uid), text);
      return await sendWebhook(fetch, { ...{ url: row.url, id, body, sign }, atMs: ctx.clock.nowMs() });
    } catch (error) {
      const failure = toFailure(error);
      if (failure.code === "bug" && !this.isStopped)
        log.error({ err: error, webhook: webhookId(row) }, "a webhook could not be made");
      return { outcome: "failed", why: failure.sentence, afterMs: 0 };
    }
  }

  private settle(hook: Hook, sent: Sent, toldThen: number): void {
    if (sent.outcome === "told")
      return this.change(hook, {
        told: toldThen,
        tries: 0,
        failingSinceMs: null,
        nextAtMs: null,
        detail: null,
      });
    const nowMs = this.parts.ctx().clock.nowMs();
    const failingSinceMs = hook.row.failingSinceMs ?? nowMs;
    const tries = hook.row.tries + 1;
    this.change(hook, { tries, failingSinceMs });
    if (sent.outcome === "refused") return this.end(hook, "dead", sent.why);
    if (nowMs - failingSinceMs >= GIVE_UP_MS) return this.end(hook, "dead", `${sent.why}, for a day`);
    const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(tries - 1, 20));
    const waitMs = Math.max(sent.afterMs, most * (0.5 + this.parts.rng.next() / 2));
    this.change(hook, { nextAtMs: Math.round(nowMs + waitMs), detail: sent.why });
  }

  private end(hook: Hook, state: "done" | "dead", detail: string | null): void {
    this.hooks.remove(hook);
    if (hook.row.jobs === 0) this.writing.delete(hook.row.jobId);
    if (state === "dead")
      this.parts.log.warn({ webhook: webhookId(hook.row), why: detail }, "a webhook is given up");
    this.change(hook, { state, nextAtMs: null, detail });
  }

  private change(hook: Hook, changes: Partial<WebhookProgress>): void {
    hook.row = { ...hook.row, ...changes };
    this.dirty.set(webhookId(hook.row), hook.row);
  }

  private note(): Promise<void> {
    return this.inTurn(() => this.noteDirty()).catch((error: unknown) => {
      this.parts.log.warn({ err: error }, "what webhooks told could not be noted; it is tried again");
    });
  }

  /** One after another: what is noted later is newer. */
  private inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.noting.then(work);
    this.noting = turn.catch(() => undefined);
    return turn;
  }

  private async noteDirty(): Promise<void> {
    if (this.dirty.size === 0) return;
    const changes = [...this.dirty];
    this.dirty.clear();
    try {
      await this.parts.write(() => this.parts.store.note(changes.map(([, change]) => change)));
    } catch (error) {
      for (const [id, change] of changes) if (!this.dirty.has(id)) this.dirty.set(id, change);
      throw error;
    }
  }

  /** What is written while a job runs is told once at most: its end tells all of it. */
  private async lookAtLogs(): Promise<void> {
    if (this.isReading) return;
    this.isReading = true;
    const { queries, places } = this.parts.ctx();
    for (const jobId of this.writing) {
      const size = await fs.stat(places.jobLog(jobId)).then(
        (stats) => stats.size,
        () => 0,
      );
      const hook = this.isStopped ? undefined : this.hooks.find({ jobId, jobs: 0 });
      if (hook === undefined || hook.isBusy || size <= hook.logBytes) continue;
      if (pendingEvent(hook.row, queries.job(jobId)) !== "wait") continue;
      hook.logBytes = size;
      this.enqueue(hook, "logs", hook.row.told);
    }
    this.isReading = false;
  }
}
