import type { Effect } from "../scheduler/effects.ts";
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
  readonly perform: (effect: Effect) => void;
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
  const { clock } = options;
  let state = options.restore();
  let inbox: Pending[] = [];
  let scheduled = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const schedule = (): void => {
    if (scheduled || stopped) return;
    scheduled = true;
    setImmediate(turn);
  };
  const push = (pending: Pending): void => {
    inbox.push(pending);
    schedule();
  };
  const wakeAt = (atMs: number | undefined): void => {
    clearTimeout(timer);
    if (atMs === undefined || stopped) return;
    const waitMs = Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(atMs - clock.nowMs())));
    timer = setTimeout(() => push({ event: { type: "tick" }, answer: null }), waitMs);
  };
  const turn = (): void => {
    scheduled = false;
    if (stopped || inbox.length === 0) return;
    const batch = inbox;
    inbox = [];
    const atMs = clock.nowMs();
    try {
      handle(batch, atMs);
    } catch (error) {
      stopped = true;
      for (const { answer } of batch) answer?.reject(toFailure(error));
      options.crash(error);
    }
  };
  const handle = (batch: readonly Pending[], atMs: number): void => {
    const events = batch.map(({ event }) => ({ ...event, atMs }) as Event);
    const planned = step(state, events);
    let seqs: readonly number[];
    try {
      seqs = options.commit(planned.changes);
    } catch (error) {
      recover(batch, error);
      return;
    }
    batch.forEach(({ answer }, index) => {
      if (answer) settle(answer, planned.replies[index] ?? null);
    });
    for (const effect of planned.effects) options.perform(effect);
    options.committed(planned.changes, seqs);
    wakeAt(planned.wakeAtMs);
  };
  /** The state is ahead of the disk: it is thrown away. Who asked is told; what the world said is kept. */
  const recover = (batch: readonly Pending[], error: unknown): void => {
    const failure = toFailure(error);
    if (failure.code === "bug" || failure.code === "store/damaged") throw error;
    state = options.restore();
    for (const { answer } of batch) answer?.reject(failure);
    const kept = batch.filter(({ answer }) => answer === null);
    inbox = [{ event: options.lastSeen(), answer: null }, ...kept, ...inbox];
    if (options.freeSpace()) schedule();
    else setTimeout(schedule, RETRY_MS);
  };

  return {
    ask: (request) => {
      if (stopped) return Promise.reject(stoppingFailure());
      return new Promise((resolve, reject) => push({ event: request, answer: { resolve, reject } }));
    },
    report: (report) => push({ event: report, answer: null }),
    state: () => state,
    resume(effects) {
      for (const effect of effects) options.perform(effect);
    },
    stop() {
      turn();
      stopped = true;
      clearTimeout(timer);
      for (const { answer } of inbox) answer?.reject(stoppingFailure());
    },
  };
}

function settle(answer: NonNullable<Pending["answer"]>, reply: Reply | null): void {
  if (reply === null || reply.ok) answer.resolve(reply?.ids ?? []);
  else answer.reject(new Failure(reply.code, reply.message, { hint: reply.hint ?? undefined }));
}

function stoppingFailure(): Failure {
  return new Failure("daemon/stopping", "the daemon is stopping", { hint: "orch up" });
}
