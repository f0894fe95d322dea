import type { LongWork, Reply, Request } from "../scheduler/events.ts";
import type { Step } from "../scheduler/step.ts";
import type { Failure } from "../std/failure.ts";

/** Who waits for what comes of a request. */
export interface Answer<T> {
  resolve(result: T): void;
  reject(error: Failure): void;
}

/** Long work under way, and what has come of it so far; none of that is on disk. */
export interface LongTask {
  /** On the monotonic clock. */
  readonly sinceMs: number;
  readonly steps: { readonly planned: Step; readonly seqs: readonly number[] }[];
  /** The next requests; null = there are no more. @throws Failure: nothing of it is wanted */
  next(): readonly Request[] | null;
  /** What has come of the last requests. */
  took(planned: Step, seqs: readonly number[]): void;
  /** All of it is on disk. */
  finish(): void;
  reject(error: Failure): void;
}

/** Makes the work one that can be gone on with, turn by turn. `sinceMs`: now, on the monotonic clock. */
export function longTask<T>(work: LongWork<T>, answer: Answer<T>, sinceMs: number): LongTask {
  const steps: LongTask["steps"] = [];
  let replies: readonly (Reply | null)[] = [];
  let finish = (): void => {};
  return {
    sinceMs,
    steps,
    next() {
      const { done, value } = work.next(replies);
      if (done !== true) return value;
      finish = () => answer.resolve(value);
      return null;
    },
    took(planned, seqs) {
      steps.push({ planned, seqs });
      replies = planned.replies;
    },
    finish: () => finish(),
    reject: (error) => answer.reject(error),
  };
}
