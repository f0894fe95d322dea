import { assert } from "../std/assert.ts";
import { countJob } from "./accounts.ts";
import { withArrival } from "./arrivals.ts";
import { urgentAtMs } from "./estimate.ts";
import type { Dependency, NewJob } from "./events.ts";
import { createJob } from "./job.ts";
import type { Condition, Job, JobArray } from "./job-model.ts";
import { enqueue, holdJob, noExtras } from "./job-transitions.ts";
import { nextRequestId } from "./request-jobs.ts";
import { laneFor } from "./state.ts";
import { termsFor } from "./terms.ts";
import { log, type Transition } from "./transition.ts";

/** What a new job belongs to. `arrayId` is set for jobs of any array, `array` for one with a limit. */
export interface Origin {
  readonly array: JobArray | null;
  readonly arrayId: number | null;
  readonly scheduleId: number | null;
}

/** Takes a new job in: queued, or held until nothing is left that holds it. */
export function addJob(tx: Transition, asked: NewJob, { array, arrayId, scheduleId }: Origin): Job {
  const { lane, isNew } = laneFor(tx.state, asked.lane);
  if (isNew) tx.changes.lanes.add(lane);
  const { deadlineMs } = asked;
  const job = createJob({
    id: asked.isRequest === true ? nextRequestId(tx.state) : tx.state.nextJobId++,
    terms: termsFor(tx.state, lane, asked),
    submittedAtMs: tx.nowMs,
    attempts: 0,
    extras: deadlineMs === null && array === null ? null : { ...noExtras, deadlineMs, array },
  });
  tx.state.jobs.set(job.id, job);
  tx.state.firstArrivalMs = Math.min(tx.state.firstArrivalMs, tx.nowMs);
  lane.arrivals = withArrival(lane.arrivals, tx.nowMs, tx.state.firstArrivalMs);
  countJob(job, 1, 0);
  tx.changes.newJobs.push({
    job,
    payload: asked.payload,
    after: asked.after.map((entry) => entry.jobId),
    arrayId,
    scheduleId,
  });
  if (deadlineMs !== null) watchDeadline(tx, job, deadlineMs);
  const after = liveConditions(tx, asked.after);
  const untilMs = asked.notBeforeMs !== null && asked.notBeforeMs > tx.nowMs ? asked.notBeforeMs : null;
  if (asked.hold || after.size > 0 || untilMs !== null) {
    holdJob(tx, job, { state: "held", byPerson: asked.hold, after, untilMs, byArray: false });
  } else {
    enqueue(tx, job);
  }
  log(tx, "job-submitted", `job ${job.id} submitted to ${lane.spec.title}${labelsOf(asked)}`, { job });
  return job;
}

/** " (run=7, team=vision)", or nothing without labels. */
function labelsOf({ payload }: NewJob): string {
  const pairs = Object.entries(payload.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? "" : ` (${pairs.sort().join(", ")})`;
}

function watchDeadline(tx: Transition, job: Job, deadlineMs: number): void {
  tx.state.deadlines.add({ atMs: urgentAtMs(tx.state, job, deadlineMs), kind: "deadline", id: job.id });
  tx.state.deadlines.add({ atMs: deadlineMs, kind: "deadline", id: job.id });
}

function liveConditions(tx: Transition, after: readonly Dependency[]): Map<number, Condition> {
  const live = new Map<number, Condition>();
  for (const entry of after)
    if (outcomeNow(tx, entry) === "live")
      live.set(entry.jobId, stricter(live.get(entry.jobId), entry.condition));
  return live;
}

function stricter(known: Condition | undefined, condition: Condition): Condition {
  return known === undefined || known === "any" ? condition : known;
}

/** How a dependency stands: it may have ended in this very step, after the caller looked. */
export function outcomeNow(tx: Transition, dependency: Dependency): Dependency["outcome"] {
  if (dependency.outcome !== "live" || tx.state.jobs.has(dependency.jobId)) return dependency.outcome;
  const end = tx.changes.ended.find((entry) => entry.job.id === dependency.jobId);
  assert(end, `job ${dependency.jobId} is neither live nor just ended`);
  return end.state;
}
