import type { DecisionView, JobView } from "../../protocol/views.ts";

/** A job that waits, and in how many milliseconds it is expected to start; null = not foreseen. */
export interface Waiting {
  readonly job: JobView;
  readonly inMs: number | null;
}

/** Jobs that wait, in the order in which the plan starts them; those it does not reach come after, held ones last. */
export function queueOrder(waiting: readonly JobView[], plan: readonly DecisionView[]): Waiting[] {
  const starts = new Map<number, number>();
  for (const { kind, job, inMs } of plan)
    if (kind === "start-job" && job !== null && !starts.has(job)) starts.set(job, inMs);
  const rank = ({ job, inMs }: Waiting): number =>
    job.state === "held" ? Number.MAX_VALUE : (inMs ?? Number.MAX_SAFE_INTEGER);
  return waiting
    .map((job) => ({ job, inMs: starts.get(job.id) ?? null }))
    .toSorted((left, right) => rank(left) - rank(right) || left.job.id - right.job.id);
}
