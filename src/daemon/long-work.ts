import type { Event, LongWork, Reply } from "../scheduler/events.ts";
import type { State } from "../scheduler/model.ts";
import { type Step, stepInSlices } from "../scheduler/step.ts";
import type { Failure } from "../std/failure.ts";
import { type Answer, type Pending, settle } from "./pending.ts";

/** One transaction over many turns, and what has come of it so far; none of that is on disk. */
export interface LongTask {
  /** On the monotonic clock. */
  readonly sinceMs: number;
  readonly steps: Written[];
  /** What it was made of, if it was not made for this. */
  readonly batch: readonly Pending[];
  /** What comes next; null = there is no more. @throws Failure: nothing of it is wanted */
  next(state: State, atMs: number): Step | null;
  /** All of it is on disk. */
  finish(): void;
  reject(error: Failure): void;
}

/** A task whose transaction is open. */
export interface OpenTask {
  readonly task: LongTask;
  /** When all of it takes place. */
  readonly atMs: number;
  /** Whether the daemon was stopping before it. */
  readonly wasStopping: boolean;
}

/** What came of a step or a slice of one, and the sequence numbers of its log lines. */
export interface Written {
  readonly planned: Step;
  readonly seqs: readonly number[];
}

/** Jobs that one slice of a step changes, besides those it is about: 8 ms. */
export const MOST_JOBS = 300;

/** Makes the work one that can be gone on with, turn by turn. `sinceMs`: now, on the monotonic clock. */
export function longTask<T>(work: LongWork<T>, answer: Answer<T>, sinceMs: number): LongTask {
  let replies: readonly (Reply | null)[] = [];
  let slices: Generator<Step, Step, void> | null = null;
  let finish = (): void => {};
  const begin = (state: State, atMs: number): Generator<Step, Step, void> | null => {
    const { done, value } = work.next(replies);
    if (done !== true) {
      const events = value.map((request): Event => ({ ...request, atMs }));
      return stepInSlices(state, events, MOST_JOBS);
    }
    finish = () => answer.resolve(value);
    return null;
  };
  return {
    sinceMs,
    steps: [],
    batch: [],
    next(state, atMs) {
      slices ??= begin(state, atMs);
      if (slices === null) return null;
      const { done, value } = slices.next();
      if (done === true) {
        replies = value.replies;
        slices = null;
      }
      return value;
    },
    finish: () => finish(),
    reject: (error) => answer.reject(error),
  };
}

/** What is left of a step that turned out to be too large for one turn. `first`: the slice that is written already. */
export function restOfStep(
  batch: readonly Pending[],
  slices: Generator<Step, Step, void>,
  first: Written,
): LongTask {
  let replies: readonly (Reply | null)[] | null = null;
  return {
    sinceMs: 0,
    steps: [first],
    batch,
    next() {
      if (replies !== null) return null;
      const { done, value } = slices.next();
      if (done === true) replies = value.replies;
      return value;
    },
    finish: () => batch.forEach((pending, index) => void settle(pending, replies?.[index] ?? null)),
    reject(error) {
      for (const { answer } of batch) answer?.reject(error);
    },
  };
}
