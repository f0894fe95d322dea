import type { Reply, Report, Request } from "../scheduler/events.ts";
import { Failure } from "../std/failure.ts";
import type { Answer } from "./long-work.ts";

/** What has arrived at the loop and has not been taken up yet. */
export interface Pending {
  readonly event: Request | Report;
  readonly answer: Answer<readonly number[]> | null;
  /** On the monotonic clock. */
  readonly sinceMs: number;
}

/** Gives the asker what the scheduler replied. */
export function settle({ answer }: Pending, reply: Reply | null): void {
  if (reply === null || reply.ok) answer?.resolve(reply?.ids ?? []);
  else answer?.reject(new Failure(reply.code, reply.message, { hint: reply.hint ?? undefined }));
}

/** Reports that have to be tried again after a failed commit. Looks and ticks need not: every try has new ones. */
export function worthKeeping(batch: readonly Pending[]): Pending[] {
  return batch.filter(
    ({ event, answer }) => answer === null && event.type !== "gpus-seen" && event.type !== "tick",
  );
}

/** What a step is about, for the log: "a step: submit, 3 tick". */
export function kindsOf(batch: readonly Pending[]): string {
  const counts = new Map<string, number>();
  for (const { event } of batch) counts.set(event.type, (counts.get(event.type) ?? 0) + 1);
  return `a step: ${[...counts].map(([type, count]) => (count === 1 ? type : `${count} ${type}`)).join(", ")}`;
}

/** Whether nobody knows any more what is true, here or on disk. */
export function isFatal({ code }: Failure): boolean {
  return code === "bug" || code === "store/damaged" || code === "store/failing";
}

/** What those are told who ask a daemon that handles nothing new. */
export function stoppingFailure(): Failure {
  return new Failure("daemon/stopping", "the daemon is stopping", { hint: "orch up" });
}
