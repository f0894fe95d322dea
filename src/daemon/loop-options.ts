import type { Effect, Fire } from "../scheduler/effects.ts";
import type { LongWork, Report, Request } from "../scheduler/events.ts";
import type { State } from "../scheduler/model.ts";
import type { Changes } from "../scheduler/transition.ts";
import type { Clock } from "../std/clock.ts";
import type { Journal } from "../store/journal.ts";

/** What the loop works with. */
export interface LoopOptions {
  /** Rebuilds the state from the database; called at the start and after a failed commit. */
  readonly restore: () => State;
  readonly journal: Journal;
  /** `inherited`: the effect was derived from the database, not planned in a step of this daemon. */
  readonly perform: (effect: Effect, inherited: boolean) => void;
  readonly fire: (fire: Fire) => void;
  /** `changes`: all that a step changed, requests too. `seqs`: of the log lines that are on disk, which are none of requests. */
  readonly committed: (changes: Changes, seqs: readonly number[]) => void;
  /** The state was rebuilt from the database, where no requests are. */
  readonly requestsLost: () => void;
  /** The GPUs as last seen: a rebuilt state knows none of them. */
  readonly lastSeen: () => Report;
  /** The disk is full: gives some of it back if it can. @returns whether another try is worthwhile. */
  readonly freeSpace: () => boolean;
  /** A bug of ours inside a step: nothing of it was committed and the daemon must not go on. */
  readonly crash: (error: unknown) => void;
  /** Does `work`, which is called `what`, and notes how long the event loop stood still for it. */
  readonly watch: (what: string, work: () => void) => void;
  readonly clock: Clock;
}

/** The one owner of the scheduler's state. */
export interface Loop {
  /** Resolves with the answer once it is on disk. @throws Failure when refused, or when nothing can be written */
  ask(request: Request): Promise<readonly number[]>;
  /** As `ask`, for what is too much for one turn: one transaction over many turns, in which nothing else is handled. */
  askLong<T>(work: LongWork<T>): Promise<T>;
  /** Takes news from the world; it is never lost: kept and tried again while nothing can be written. */
  report(report: Report): void;
  state(): State;
  /** Performs effects that were derived, not planned: what an earlier daemon may have left undone. */
  resume(effects: readonly Effect[]): void;
  /** Handles what has arrived, then nothing more. */
  stop(): void;
}
