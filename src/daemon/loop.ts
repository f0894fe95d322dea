import type { Effect } from "../scheduler/effects.ts";
import type { Event, LongWork, Report, Request } from "../scheduler/events.ts";
import type { State } from "../scheduler/model.ts";
import { stepInSlices } from "../scheduler/step.ts";
import { type Failure, toFailure } from "../std/failure.ts";
import { type Aftermath, createAftermath } from "./aftermath.ts";
import { type LongTask, longTask, MOST_JOBS, type OpenTask, restOfStep } from "./long-work.ts";
import type { Loop, LoopOptions } from "./loop-options.ts";
import {
  isFatal,
  kindsOf,
  type Pending,
  settle,
  stoppingFailure,
  takeBatch,
  worthKeeping,
} from "./pending.ts";
import { createPutOff } from "./put-off.ts";

/** While nothing can be written, reports are tried again this often. */
const RETRY_MS = 500;
/** While another program writes, its end is looked for this often, and requests wait for it this long. */
const BUSY_RETRY_MS = 25;
const BUSY_PATIENCE_MS = 3_000;
/** Long work gives way to the event loop this often. */
const SLICE_MS = 8;

/**
 * Everything that arrives in one turn of the event loop becomes one step and one transaction (group commit). Nothing
 * awaits between looking at the state and committing; only long work spans turns, and then nobody else's turn comes.
 */
export function createLoop(options: LoopOptions): Loop {
  return new EventLoop(options);
}

class EventLoop implements Loop {
  private readonly options: LoopOptions;
  private current: State;
  private inbox: Pending[] = [];
  private tasks: LongTask[] = [];
  /** The long work whose transaction is open; it takes place at this time. */
  private open: OpenTask | null = null;
  /** That one slice of a step changes. */
  private mostJobs = MOST_JOBS;
  /** The last turn was of events, so one of long work is due. */
  private hadEvents = false;
  private isScheduled = false;
  private isStopped = false;
  private readonly aftermath: Aftermath;
  private readonly putOff = createPutOff(() => this.report({ type: "tick" }));

  constructor(options: LoopOptions) {
    this.options = options;
    this.current = options.restore();
    this.aftermath = createAftermath(options, (report) => this.report(report));
  }

  ask(request: Request): Promise<readonly number[]> {
    if (this.isStopped) return Promise.reject(stoppingFailure());
    return new Promise((resolve, reject) => this.push(request, { resolve, reject }));
  }

  askLong<T>(work: LongWork<T>): Promise<T> {
    if (this.isStopped) return Promise.reject(stoppingFailure());
    return new Promise((resolve, reject) => {
      this.tasks.push(longTask(work, { resolve, reject }, this.options.clock.monotonicMs()));
      this.schedule();
    });
  }

  report(report: Report): void {
    this.push(report, null);
  }

  state(): State {
    return this.current;
  }

  resume(effects: readonly Effect[]): void {
    for (const effect of effects) this.options.perform(effect, true);
  }

  stop(): void {
    this.mostJobs = Number.POSITIVE_INFINITY; // There are no other turns to come.
    this.aftermath.actAll();
    this.inbox.unshift(...(this.open?.task.batch ?? []));
    this.forgetOpen();
    const unfinished = this.tasks.splice(0);
    for (let left = Number.POSITIVE_INFINITY; this.inbox.length > 0 && this.inbox.length < left; ) {
      left = this.inbox.length;
      this.turn();
    }
    if (!this.putOff.isEmpty()) {
      this.inbox.push({ event: { type: "tick" }, answer: null, sinceMs: 0 });
      this.turn();
    }
    this.isStopped = true;
    this.aftermath.stop();
    for (const { answer } of this.inbox) answer?.reject(stoppingFailure());
    for (const task of unfinished) task.reject(stoppingFailure());
  }

  private push(event: Pending["event"], answer: Pending["answer"]): void {
    this.inbox.push({ event, answer, sinceMs: this.options.clock.monotonicMs() });
    this.schedule();
  }

  private schedule(): void {
    if (this.isScheduled || this.isStopped) return;
    this.isScheduled = true;
    setImmediate(() => this.turn());
  }

  /** Looks again after a while, and not before, whatever comes. */
  private wait(ms: number): void {
    this.isScheduled = true;
    setTimeout(() => this.turn(), ms);
  }

  private turn(): void {
    this.isScheduled = false;
    if (this.isStopped) return;
    if (!this.aftermath.isEmpty()) {
      this.guard([], "what a large commit brings", () => this.aftermath.actSome());
      return this.schedule();
    }
    const [task] = this.tasks;
    const isTasksTurn = this.open !== null || this.hadEvents || this.inbox.length === 0;
    this.hadEvents = false;
    if (task !== undefined && isTasksTurn) {
      this.guard([], "a large request", () => this.goOn(task));
    } else if (this.inbox.length > 0) {
      const batch = takeBatch(this.inbox);
      this.hadEvents = true;
      this.guard(batch, kindsOf(batch), () => this.handle(batch));
    }
  }

  /** A bug must not go on: whoever asked is told, and nothing of the transaction is kept. */
  private guard(batch: readonly Pending[], what: string, work: () => void): void {
    try {
      this.options.watch(what, work);
    } catch (error) {
      this.isStopped = true;
      this.options.journal.undo();
      for (const { answer } of batch) answer?.reject(toFailure(error));
      for (const task of this.tasks) task.reject(toFailure(error));
      this.options.crash(error);
    }
  }

  private handle(batch: readonly Pending[]): void {
    const { options } = this;
    const obstacle = this.begin();
    if (obstacle?.code === "store/busy") return this.putBack(batch, obstacle);
    if (obstacle !== null) return this.giveUp(batch, obstacle);
    const atMs = options.clock.nowMs();
    const wasStopping = this.current.stopping;
    const events = batch.map(({ event }): Event => ({ atMs, ...event }));
    const slices = stepInSlices(this.current, events, this.mostJobs);
    const { done, value: planned } = slices.next();
    let seqs: readonly number[];
    try {
      seqs = options.journal.write(this.putOff.toWrite(events, planned.changes));
      if (done === true) options.journal.commit();
      else options.journal.expectMuch();
    } catch (error) {
      options.journal.undo();
      const failure = toFailure(error);
      if (isFatal(failure)) throw error;
      this.giveUp(batch, failure);
      return this.rebuild(wasStopping);
    }
    if (done !== true) {
      const task = restOfStep(batch, slices, { planned, seqs });
      this.tasks.unshift(task);
      this.open = { task, atMs, wasStopping };
      return this.schedule();
    }
    batch.forEach((pending, index) => void settle(pending, planned.replies[index] ?? null));
    this.aftermath.act({ planned, seqs });
    if (this.inbox.length > 0 || this.tasks.length > 0) this.schedule();
  }

  /** Opens a transaction, or says what keeps us from it: nothing has been changed then. */
  private begin(): Failure | null {
    try {
      this.options.journal.begin();
      return null;
    } catch (error) {
      const failure = toFailure(error);
      if (isFatal(failure)) throw error;
      return failure;
    }
  }

  /** Tries again soon; who has waited too long is told why. */
  private putBack(batch: readonly Pending[], obstacle: Failure): void {
    const isOver = ({ answer, sinceMs }: Pending): boolean => answer !== null && this.isLate(sinceMs);
    for (const pending of batch) if (isOver(pending)) pending.answer?.reject(obstacle);
    this.inbox = [...batch.filter((pending) => !isOver(pending)), ...this.inbox];
    this.wait(BUSY_RETRY_MS);
  }

  private isLate(sinceMs: number): boolean {
    return this.options.clock.monotonicMs() - sinceMs > BUSY_PATIENCE_MS;
  }

  /** Some steps of the first long work; its commit when there are no more. */
  private goOn(task: LongTask): void {
    const { journal, clock } = this.options;
    const obstacle = this.open === null ? this.begin() : null;
    if (obstacle !== null) {
      if (obstacle.code === "store/busy" && !this.isLate(task.sinceMs)) return this.wait(BUSY_RETRY_MS);
      return this.abandon(task, obstacle);
    }
    if (this.open === null) journal.expectMuch();
    this.open ??= { task, atMs: clock.nowMs(), wasStopping: this.current.stopping };
    const { atMs } = this.open;
    const untilMs = clock.monotonicMs() + SLICE_MS;
    try {
      do {
        const planned = task.next(this.current, atMs);
        if (planned === null) return this.flush(task);
        task.steps.push({ planned, seqs: journal.write(this.putOff.toWrite([], planned.changes)) });
      } while (clock.monotonicMs() < untilMs);
    } catch (error) {
      return this.abandon(task, error);
    }
    this.schedule();
  }

  /** Nothing else is handled while the disk works. */
  private flush(task: LongTask): void {
    this.isScheduled = true;
    void this.options.journal.flush().then(() => {
      this.isScheduled = false;
      if (this.open?.task === task) this.guard([], "a large commit", () => this.finish(task));
    });
  }

  private finish(task: LongTask): void {
    try {
      this.options.journal.commit();
    } catch (error) {
      return this.abandon(task, error);
    }
    this.open = null;
    this.tasks.shift();
    task.finish();
    this.aftermath.add(task.steps);
    this.schedule();
  }

  private abandon(task: LongTask, error: unknown): void {
    const failure = toFailure(error);
    if (isFatal(failure)) throw error;
    const { batch } = task;
    if (batch.length > 0) this.giveUp(batch, failure);
    this.forgetOpen();
    this.tasks.shift();
    task.reject(failure);
    if (batch.length > 0) return;
    if (failure.code === "store/full") this.options.freeSpace();
    this.schedule();
  }

  /** Nothing of the long work under way has happened. */
  private forgetOpen(): void {
    if (this.open === null) return;
    const { task, wasStopping } = this.open;
    this.options.journal.undo();
    if (task.steps.length > 0) this.rebuild(wasStopping);
    this.open = null;
  }

  /** Who asked is told; what the world said is kept and tried again. */
  private giveUp(batch: readonly Pending[], failure: Failure): void {
    this.inbox.unshift(...worthKeeping(batch));
    for (const { answer } of batch) answer?.reject(failure);
    if (failure.code === "store/full" && this.options.freeSpace()) this.schedule();
    else setTimeout(() => this.schedule(), RETRY_MS);
  }

  /** The state is ahead of the disk: it is thrown away. */
  private rebuild(wasStopping: boolean): void {
    this.putOff.forget();
    const { lastRequestId } = this.current;
    this.current = this.options.restore();
    this.current.lastRequestId = lastRequestId; // Late news of those that are lost must not be taken for that of others.
    this.options.requestsLost();
    this.current.stopping = wasStopping; // Not in the database: the next daemon begins afresh, this one does not.
    this.inbox.unshift({ event: this.options.lastSeen(), answer: null, sinceMs: 0 });
  }
}
