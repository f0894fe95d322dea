import type { Reply, Report, Request } from "../scheduler/events.ts";
import { isRequestId } from "../scheduler/request-jobs.ts";
import { Failure } from "../std/failure.ts";
import { roughSize } from "../std/rough-size.ts";

/** Who waits for what comes of a request. */
export interface Answer<T> {
  resolve(result: T): void;
  reject(error: Failure): void;
}

/** What has arrived at the loop and has not been taken up yet. */
export interface Pending {
  readonly event: Request | Report;
  readonly answer: Answer<readonly number[]> | null;
  /** On the monotonic clock. */
  readonly sinceMs: number;
}

/** No more events than this in one step: 10 µs to 200 µs each, so that the event loop is never held for 50 ms. */
const MAX_EVENTS = 100;
/** Nor more text than this, which is written to disk. Characters. */
const MAX_TEXT = 2 ** 18;

/** Takes out of the inbox, in order, what one step is to handle: at least one event. */
export function takeBatch(inbox: Pending[]): Pending[] {
  let count = 0;
  for (let text = 0; count < Math.min(inbox.length, MAX_EVENTS) && text < MAX_TEXT; count += 1)
    text += textOf(inbox[count]?.event);
  return inbox.splice(0, count);
}

/** Of others there is never much. */
function textOf(event: Pending["event"] | undefined): number {
  // Requests write none.
  if (event?.type === "submit") return isRequest(event.jobs) ? 0 : roughSize(event);
  if (event?.type === "job-ended") return isRequestId(event.jobId) ? 0 : roughSize(event);
  return 0;
}

/** Requests come one by one. */
function isRequest(jobs: readonly { readonly isRequest?: boolean }[] | null): boolean {
  return jobs?.length === 1 && jobs[0]?.isRequest === true;
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
