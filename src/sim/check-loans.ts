import { longestRunMs } from "../scheduler/estimate.ts";
import type { Job } from "../scheduler/job-model.ts";
import type { Worker } from "../scheduler/model.ts";
import { assert } from "../std/assert.ts";
import type { Committed } from "./check-transition.ts";

/**
 * Checks that GPUs which others were promised are lent only to work that is known to end before: a worker that is put
 * there has such a job, and takes no other.
 * @throws AssertionFailed naming the worker.
 */
export function checkLoans({ state, step, before, nowMs }: Committed): void {
  for (const { jobId, worker } of step.changes.attemptsStarted) {
    const job = state.jobs.get(jobId);
    if (job && worker.backfillUntilMs !== null && worker.lane.spec.residency === "resident")
      assert(
        endsInTime(worker, job, nowMs),
        `${worker.name} is on borrowed GPUs and takes job ${jobId}, which lasts longer`,
      );
  }
  for (const worker of step.changes.workers) {
    if (before.workers.has(worker.id) || worker.backfillUntilMs === null || worker.phase.state !== "starting")
      continue;
    assert(
      mayUseLoan({ state, step }, worker, nowMs),
      `${worker.name} is put on borrowed GPUs, but no job of its lane ends in time`,
    );
  }
}

function endsInTime({ backfillUntilMs }: Worker, job: Job, nowMs: number): boolean {
  const longestMs = longestRunMs(job);
  return longestMs !== null && nowMs + longestMs <= (backfillUntilMs ?? Number.POSITIVE_INFINITY);
}

/** The job for which it was put there may have gone to another worker of the lane in the same step. */
function mayUseLoan(
  { state, step }: Pick<Committed, "state" | "step">,
  worker: Worker,
  nowMs: number,
): boolean {
  const { queue } = worker.lane;
  const ids = [...queue.list(queue.size), ...step.changes.attemptsStarted.map(({ jobId }) => jobId)];
  return ids.some((id) => {
    const job = state.jobs.get(id);
    return job?.lane === worker.lane && endsInTime(worker, job, nowMs);
  });
}
