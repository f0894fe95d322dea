import type { Effect, Fire } from "../scheduler/effects.ts";
import type { Event, Reply, Report, Request } from "../scheduler/events.ts";
import type { State } from "../scheduler/model.ts";
import { step } from "../scheduler/step.ts";
import type { Changes } from "../scheduler/transition.ts";
import type { Clock } from "../std/clock.ts";
import { Failure, toFailure } from "../std/failure.ts";

/** The one owner of the scheduler's state. */
export interface Loop {
  /** Resolves with the answer once it is on disk. @throws Failure when refused, or when nothing can be written */
  ask(request: Request): Promise<readonly number[]>;
  /** Takes news from the world; it is never lost: kept and tried again while nothing can be written. */
  report(report: Report): void;
  state(): State;
  /** Performs effects that were derived, not planned: what an earlier daemon may have left undone. */
  resume(effects: readonly Effect[]): void;
  /** Handles what has arrived, then nothing more. */
  stop(): void;
}

export interface LoopOptions {
  /** Rebuilds the state from the database; called at the start and after a failed commit. */
  readonly restore: () => State;
  readonly commit: (changes: Changes) => readonly number[];
  /** `inherited`: the effect was derived from the database, not planned in a step of this daemon. */
  readonly perform: (effect: Effect, inherited: boolean) => void;
  readonly fire: (fire: Fire) => void;
  readonly committed: (changes: Changes, seqs: readonly number[]) => void;
  /** The GPUs as last seen: a rebuilt state knows none of them. */
  readonly lastSeen: () => Report;
  /** The disk is full: gives some of it back if it can. @returns whether another try is worthwhile. */
  readonly freeSpace: () => boolean;
  /** A bug of ours inside a step: nothing of it was committed and the daemon must not go on. */
  readonly crash: (error: unknown) => void;
  readonly clock: Clock;
}

interface Pending {
  readonly event: Request | Report;
  readonly answer: { resolve(ids: readonly number[]): void; reject(error: Failure): void } | null;
}

/** While nothing can be written, reports are tried again this often. */
const RETRY_MS = 500;
/** Longest timer Node has. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Everything that arrives in one turn of the event loop becomes one step and one transaction (group commit). Nothing
 * awaits between looking at the state and committing.
 */
export function createLoop(options: LoopOptions): Loop {
  return new EventLoop(options);
}

class EventLoop implements Loop {
  private readonly options: LoopOptions;
  private current: State;
  private inbox: Pending[] = [];
  private isScheduled = false;
  private isStopped = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: LoopOptions) {
    this.options = options;
    this.current = options.restore();
  }

  ask(request: Request): Promise<readonly number[]> {
    if (this.isStopped) return Promise.reject(stoppingFailure());
    return new Promise((resolve, reject) => this.push({ event: request, answer: { resolve, reject } }));
  }

  report(report: Report): void {
    this.push({ event: report, answer: null });
  }

  state(): State {
    return this.current;
  }

  resume(effects: readonly Effect[]): void {
    for (const effect of effects) this.options.perform(effect, true);
  }

  stop(): void {
    this.turn();
    this.isStopped = true;
    clearTimeout(this.timer);
    for (const { answer } of this.inbox) answer?.reject(stoppingFailure());
  }

  private push(pending: Pending): void {
    this.inbox.push(pending);
    this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled || this.isStopped) return;
    this.isScheduled = true;
    setImmediate(() => this.turn());
  }

  private turn(): void {
    this.isScheduled = false;
    if (this.isStopped || this.inbox.length === 0) return;
    const batch = this.inbox;
    this.inbox = [];
    try {
      this.handle(batch);
    } catch (error) {
      this.isStopped = true;
      for (const { answer } of batch) answer?.reject(toFailure(error));
      this.options.crash(error);
    }
  }

  private handle(batch: readonly Pending[]): void {
    const { options } = this;
    const atMs = options.clock.nowMs();
    const wasStopping = this.current.stopping;
    const planned = step(
      this.current,
      batch.map(({ event }): Event => ({ ...event, atMs })),
    );
    let seqs: readonly number[];
    try {
      seqs = options.commit(planned.changes);
    } catch (error) {
      return this.recover(batch, error, wasStopping);
    }
    batch.forEach(({ answer }, index) => {
      if (answer) settle(answer, planned.replies[index] ?? null);
    });
    for (const effect of planned.effects) options.perform(effect, false);
    for (const fire of planned.fires) options.fire(fire);
    options.committed(planned.changes, seqs);
    this.wakeAt(planned.wakeAtMs);
  }

  /** The state is ahead of the disk: it is thrown away. Who asked is told; what the world said is kept. */
  private recover(batch: readonly Pending[], error: unknown, wasStopping: boolean): void {
    const failure = toFailure(error);
    if (failure.code === "bug" || failure.code === "store/damaged") throw error;
    this.current = this.options.restore();
    this.current.stopping = wasStopping; // Not in the database: the next daemon begins afresh, this one does not.
    for (const { answer } of batch) answer?.reject(failure);
    const kept = batch.filter(({ event, answer }) => answer === null && !isRenewed(event));
    this.inbox = [{ event: this.options.lastSeen(), answer: null }, ...kept, ...this.inbox];
    if (failure.code === "store/full" && this.options.freeSpace()) this.schedule();
    else setTimeout(() => this.schedule(), RETRY_MS);
  }

  private wakeAt(atMs: number | undefined): void {
    clearTimeout(this.timer);
    if (atMs === undefined || this.isStopped) return;
    const waitMs = Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(atMs - this.options.clock.nowMs())));
    this.timer = setTimeout(() => this.report({ type: "tick" }), waitMs);
  }
}

/** Every try looks at the GPUs and the time anew, so older looks need not pile up. */
function isRenewed(event: Request | Report): boolean {
  return event.type === "gpus-seen" || event.type === "tick";
}

function settle(answer: NonNullable<Pending["answer"]>, reply: Reply | null): void {
  if (reply === null || reply.ok) answer.resolve(reply?.ids ?? []);
  else answer.reject(new Failure(reply.code, reply.message, { hint: reply.hint ?? undefined }));
}

function stoppingFailure(): Failure {
  return new Failure("daemon/stopping", "the daemon is stopping", { hint: "orch up" });
}
