import fs from "node:fs/promises";
import type { Logger } from "pino";
import type { Context } from "../../operations/context.ts";
import { toFailure } from "../../std/failure.ts";
import type { Rng } from "../../std/rng.ts";
import type { SafeFetch } from "../../std/safe-fetch/safe-fetch.ts";
import type { WebhookProgress, WebhookRow, WebhookStore } from "../../store/webhooks.ts";
import type { QuietWrite } from "../quiet-write.ts";
import { composeBody } from "./compose.ts";
import { createHostLanes } from "./host-lanes.ts";
import { type LastingEvent, pendingEvent } from "./pending-event.ts";
import type { OwnSecrets } from "./secrets.ts";
import { type Sent, sendWebhook } from "./send.ts";

export interface DelivererParts {
  readonly ctx: () => Context;
  readonly store: WebhookStore;
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
  watch(jobId: number): void;
  stop(): Promise<void>;
}

interface Hook {
  row: WebhookRow;
  isBusy: boolean;
  /** Of the log as last told. */
  logBytes: number;
  timer: NodeJS.Timeout | null;
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
    watch: (jobId) => deliverer.watch(jobId),
    stop: () => deliverer.stop(),
  };
}

class WebhookDeliverer {
  private readonly parts: DelivererParts;
  private readonly hooks = new Map<number, Hook>();
  private readonly lanes = createHostLanes();
  private readonly dirty = new Map<number, WebhookProgress>();
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
    const { store, ctx } = this.parts;
    const unlisten = ctx().feed.listen((notice) => {
      if (notice.type !== "jobs") return;
      const [few, many] =
        notice.ids.size < this.hooks.size ? [notice.ids, this.hooks] : [this.hooks.keys(), notice.ids];
      for (const id of few) if (many.has(id)) this.look(id);
    });
    const logs = setInterval(() => void this.lookAtLogs(), LOG_EVERY_MS);
    const notes = setInterval(() => void this.note(), NOTE_EVERY_MS);
    for (const timer of [logs, notes]) timer.unref();
    this.stops = [unlisten, () => clearInterval(logs), () => clearInterval(notes)];
    for (const row of store.open()) if (!this.hooks.has(row.jobId)) this.add(row);
  }

  watch(jobId: number): void {
    const row = this.parts.store.find(jobId);
    if (row !== undefined && row.state === "open" && !this.hooks.has(jobId)) this.add(row);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.lanes.close();
    for (const stop of this.stops) stop();
    for (const { timer } of this.hooks.values()) if (timer !== null) clearTimeout(timer);
    await this.note();
  }

  private add(row: WebhookRow): void {
    this.hooks.set(row.jobId, { row, isBusy: false, logBytes: 0, timer: null });
    this.look(row.jobId);
  }

  /** Sends what is due, or sees to it that it will be. Called within commits: it is quick. */
  private look(jobId: number): void {
    const hook = this.hooks.get(jobId);
    if (hook === undefined || this.isStopped) return;
    const { clock, queries } = this.parts.ctx();
    const job = queries.job(jobId);
    if (job?.state === "running" && hook.row.events.includes("logs")) this.writing.add(jobId);
    else this.writing.delete(jobId);
    if (hook.isBusy || hook.timer !== null) return;
    const pending = pendingEvent(hook.row, job);
    if (pending === "done") return this.end(hook, "done", hook.row.detail);
    if (pending === "wait") return;
    const waitMs = (hook.row.nextAtMs ?? 0) - clock.nowMs();
    if (waitMs <= 0) return this.enqueue(hook, pending.event, pending.toldThen);
    hook.timer = setTimeout(() => {
      hook.timer = null;
      this.look(jobId);
    }, waitMs);
    hook.timer.unref();
  }

  private enqueue(hook: Hook, event: LastingEvent | "logs", toldThen: number): void {
    hook.isBusy = true;
    this.lanes.enter(new URL(hook.row.url).host, async () => {
      const sent = await this.send(hook.row, event, hook.logBytes);
      hook.isBusy = false;
      if (this.isStopped) return;
      if (event !== "logs") this.settle(hook, sent, toldThen);
      this.look(hook.row.jobId);
    });
  }

  private async send(row: WebhookRow, event: LastingEvent | "logs", logBytes: number): Promise<Sent> {
    const { fetch, secrets, log } = this.parts;
    const ctx = this.parts.ctx();
    try {
      const job = ctx.queries.job(row.jobId);
      if (job === undefined) return { outcome: "refused", why: "the job was removed" };
      const body = await composeBody(ctx, row, event, (text) => secrets.sign("links", text));
      const part = event === "logs" ? `logs_${logBytes}` : event;
      const id = `msg_${ctx.host.instance.slice(0, 8)}_${row.jobId}_${part}`;
      const sign = (text: string): string => secrets.sign(String(job.uid), text);
      return await sendWebhook(fetch, { ...{ url: row.url, id, body, sign }, atMs: ctx.clock.nowMs() });
    } catch (error) {
      const failure = toFailure(error);
      if (failure.code === "bug" && !this.isStopped)
        log.error({ err: error, job: row.jobId }, "a webhook could not be made");
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
    if (sent.outcome === "refused") return this.end(hook, "dead", sent.why);
    if (nowMs - failingSinceMs >= GIVE_UP_MS) return this.end(hook, "dead", `${sent.why}, for a day`);
    const tries = hook.row.tries + 1;
    const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(tries - 1, 20));
    const waitMs = Math.max(sent.afterMs, most * (0.5 + this.parts.rng.next() / 2));
    this.change(hook, { tries, failingSinceMs, nextAtMs: Math.round(nowMs + waitMs), detail: sent.why });
  }

  private end(hook: Hook, state: "done" | "dead", detail: string | null): void {
    this.hooks.delete(hook.row.jobId);
    this.writing.delete(hook.row.jobId);
    if (state === "dead") this.parts.log.warn({ job: hook.row.jobId, why: detail }, "a webhook is given up");
    this.change(hook, { state, nextAtMs: null, detail });
  }

  private change(hook: Hook, changes: Partial<WebhookProgress>): void {
    hook.row = { ...hook.row, ...changes };
    this.dirty.set(hook.row.jobId, hook.row);
  }

  private async note(): Promise<void> {
    if (this.dirty.size === 0) return;
    const changes = [...this.dirty.values()];
    this.dirty.clear();
    try {
      await this.parts.write(() => this.parts.store.note(changes));
    } catch (error) {
      this.parts.log.warn({ err: error }, "what webhooks told could not be noted; it is tried again");
      for (const each of changes) if (!this.dirty.has(each.jobId)) this.dirty.set(each.jobId, each);
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
      const hook = this.isStopped ? undefined : this.hooks.get(jobId);
      if (hook === undefined || hook.isBusy || size <= hook.logBytes) continue;
      if (pendingEvent(hook.row, queries.job(jobId)) !== "wait") continue;
      hook.logBytes = size;
      this.enqueue(hook, "logs", hook.row.told);
    }
    this.isReading = false;
  }
}
