import { formatUtc } from "../std/format-utc.ts";
import { quotaOf } from "./accounts.ts";
import { urgentAtMs } from "./estimate.ts";
import type { Reply, Request } from "./events.ts";
import type { Job } from "./job-model.ts";
import { enqueue, extrasOf, holdJob, nothingHeld, releaseHold, unqueue } from "./job-transitions.ts";
import { prepare } from "./preparation.ts";
import { refuse, tooLarge } from "./refusals.ts";
import { laneFor } from "./state.ts";
import { leaveTerms, rowOfTerms, type TermsRow, termsFor } from "./terms.ts";
import { log, type Transition } from "./transition.ts";

export type JobChange = Extract<Request, { type: "change-job" }>["change"];

/** Gives a waiting job other terms: it leaves its place, and comes back to the one it has by them. */
export function changeJob(tx: Transition, job: Job, change: JobChange): Reply {
  const refusal = refusalOf(tx, job, change);
  if (refusal) return refusal;
  const { waitingSinceMs } = job.lane;
  const wasQueued = job.phase.state === "queued";
  if (wasQueued) unqueue(tx, job);
  const before = job.lane;
  exchangeTerms(tx, job, change);
  if (change.deadlineMs !== undefined) changeDeadline(tx, job, change.deadlineMs);
  if (wasQueued) {
    if (change.notBeforeMs != null && change.notBeforeMs > tx.nowMs)
      holdJob(tx, job, { ...nothingHeld, untilMs: change.notBeforeMs });
    else {
      enqueue(tx, job);
      if (job.lane === before) job.lane.waitingSinceMs = waitingSinceMs; // It only changed its place.
    }
  } else if (change.notBeforeMs !== undefined) changeBegin(tx, job, change.notBeforeMs);
  tx.changes.jobs.add(job);
  if (change.work !== undefined) {
    tx.changes.reworked.push({ job, work: change.work });
    prepare(tx, job.lane);
  }
  log(tx, "job-changed", `job ${job.id}: ${textOf(change)}`, { job });
  return { ok: true, ids: [job.id] };
}

function refusalOf(tx: Transition, job: Job, change: JobChange): Reply | undefined {
  if (job.phase.state !== "held" && job.phase.state !== "queued") {
    const text = `job ${job.id} is ${job.phase.state}; only waiting jobs can be changed`;
    return refuse("job/state", text, `orch show ${job.id}`);
  }
  if (change.deadlineMs != null && change.deadlineMs <= tx.nowMs)
    return refuse("job/deadline", "that deadline is past already", "give a later one with --deadline");
  const heldUntilMs = job.phase.state === "held" ? job.phase.untilMs : null;
  const beginMs = (change.notBeforeMs === undefined ? heldUntilMs : change.notBeforeMs) ?? tx.nowMs;
  const deadlineMs = change.deadlineMs === undefined ? (job.extras?.deadlineMs ?? null) : change.deadlineMs;
  if (deadlineMs !== null && beginMs >= deadlineMs) {
    const text = `job ${job.id} would have to be done before it may begin`;
    return refuse("job/deadline", text, "give a later --deadline or an earlier --begin");
  }
  const refusal = change.work === undefined ? undefined : tooLarge(tx.state, change.work.lane);
  if (refusal) return refusal;
  const { priority } = change;
  if (priority === undefined || priority <= job.priority) return undefined;
  for (const { key } of job.terms.accounts) {
    const most = quotaOf(tx.state.policy, key)?.maxPriority ?? null;
    if (most === null || priority <= most) continue;
    const text = `${key} may ask for a priority of at most ${most}, not ${priority}`;
    return refuse("quota/refused", text, `--priority ${most}`);
  }
  return undefined;
}

function exchangeTerms(tx: Transition, job: Job, change: JobChange): void {
  const { priority, timeLimitMs, retries, work } = change;
  const row: TermsRow = {
    ...rowOfTerms(job.terms),
    ...(priority === undefined ? {} : { priority }),
    ...(timeLimitMs === undefined ? {} : { timeLimitMs }),
    ...(retries === undefined ? {} : { retries }),
    ...(work === undefined ? {} : { estimateKey: work.estimateKey }),
  };
  const { lane, isNew } = laneFor(tx.state, work?.lane ?? job.lane.spec);
  if (isNew) tx.changes.lanes.add(lane);
  const before = job.terms;
  job.terms = termsFor(tx.state, lane, row);
  job.terms.jobs += 1;
  leaveTerms(tx.state, before);
}

/** A later deadline lets it wait its turn again; what the old one has set up is found to be void when it comes up. */
function changeDeadline(tx: Transition, job: Job, deadlineMs: number | null): void {
  job.extras = { ...extrasOf(job), deadlineMs, isUrgent: false };
  if (deadlineMs === null) return;
  for (const atMs of [urgentAtMs(tx.state, job, deadlineMs), deadlineMs])
    tx.state.deadlines.add({ atMs, kind: "deadline", id: job.id });
}

function changeBegin(tx: Transition, job: Job, notBeforeMs: number | null): void {
  const untilMs = notBeforeMs !== null && notBeforeMs > tx.nowMs ? notBeforeMs : null;
  if (untilMs !== null) tx.state.deadlines.add({ atMs: untilMs, kind: "hold", id: job.id });
  releaseHold(tx, job, { untilMs });
}

function textOf(change: JobChange): string {
  const time = (atMs: number | null): string => (atMs === null ? "none" : formatUtc(atMs));
  const parts: string[] = [];
  if (change.priority !== undefined) parts.push(`priority ${change.priority}`);
  if (change.retries !== undefined) parts.push(`retries ${change.retries}`);
  if (change.timeLimitMs !== undefined)
    parts.push(`time limit ${change.timeLimitMs === null ? "none" : `${change.timeLimitMs / 1000} s`}`);
  if (change.notBeforeMs !== undefined) parts.push(`begin ${time(change.notBeforeMs)}`);
  if (change.work !== undefined) parts.push(`params for ${change.work.lane.title}`);
  if (change.deadlineMs !== undefined) parts.push(`deadline ${time(change.deadlineMs)}`);
  return `now ${parts.join(", ")}`;
}
