import { describeForeign } from "../gpu/process-text.ts";
import { LAST_MS } from "../protocol/inputs.ts";
import type { JobView, Reason } from "../protocol/views.ts";
import { explainJob } from "../scheduler/explain.ts";
import type { Job } from "../scheduler/job-model.ts";
import { must } from "../std/assert.ts";
import { Failure } from "../std/failure.ts";
import type { JobRow } from "../store/queries.ts";
import type { Context } from "./context.ts";
import { correlationOf } from "./correlation.ts";

/** The row of a job. @throws Failure job/unknown */
export function findJob(ctx: Context, id: number): JobRow {
  const row = ctx.queries.job(id);
  if (row) return row;
  throw new Failure("job/unknown", `there is no job ${id}`, { hint: "orch ls --all" });
}

/** A job as callers see it, by its id. */
export function viewJobById(ctx: Context, id: number | undefined): JobView {
  return viewJob(ctx, findJob(ctx, must(id, "a request about a job answers with its id")));
}

/** A job as callers see it: its row, and what only the live scheduler knows. */
export function viewJob(ctx: Context, row: JobRow): JobView {
  return {
    id: row.id,
    runtime: row.runtime,
    state: row.state,
    reason: ctx.mayRead(row) ? reasonOf(ctx, row) : codeAlone(reasonOf(ctx, row)),
    exitCode: row.exitCode,
    worker: row.workerName,
    gpus: row.workerId === null ? [] : ctx.queries.gpusOf(row.workerId),
    attempts: row.attempts,
    priority: row.priority,
    progress: row.finishedAtMs === null && ctx.mayRead(row) ? ctx.progressOf(row.id) : null,
    summary: row.summary,
    label: row.label,
    labels: { ...row.labels },
    correlation: correlationOf(ctx, row),
    array: row.arrayId === null ? null : { id: row.arrayId, index: row.arrayIndex ?? 0 },
    user: row.user,
    submittedAt: toTimestamp(row.submittedAtMs),
    startedAt: toTimestampOrNull(row.startedAtMs),
    finishedAt: toTimestampOrNull(row.finishedAtMs),
    artifacts: viewArtifacts(ctx, row),
  };
}

/** The sentence may hold last words of a program. */
function codeAlone(reason: Reason | null): Reason | null {
  return reason === null ? null : { code: reason.code, text: reason.code };
}

function reasonOf(ctx: Context, row: JobRow): Reason | null {
  if (row.finishedAtMs !== null) {
    return row.reasonCode === null ? null : { code: row.reasonCode, text: row.reasonText ?? "" };
  }
  const state = ctx.state();
  const job = state.jobs.get(row.id);
  const reason = job ? explainJob(state, job, ctx.clock.nowMs()) : null;
  return job && reason?.code === "gpu-foreign" ? nameForeign(ctx, job, reason) : reason;
}

/** Says which programs hold the memory, as far as the last look at the GPUs tells. */
function nameForeign(ctx: Context, job: Job, reason: Reason): Reason {
  const asked = new Set(job.lane.verdict.gpus);
  const gpus = ctx.latestSample().gpus.filter(({ reading }) => asked.has(reading.uuid));
  const names = describeForeign(gpus, ctx.clock.nowMs());
  return names === null ? reason : { code: reason.code, text: `${reason.text}: ${names}` };
}

function viewArtifacts(ctx: Context, row: JobRow): JobView["artifacts"] {
  if (!Array.isArray(row.artifacts)) return [];
  const dir = ctx.places.jobOutputDir(row.id);
  const listed = row.artifacts as { name: string; bytes: number; type: string | null }[];
  return listed.map(({ name, bytes, type }) => ({ name, bytes, type, path: `${dir}/${name}` }));
}

/** RFC 3339 in UTC, which ends with the year 9999: what is foretold for later is shown as then. */
export function toTimestamp(atMs: number): string {
  return new Date(Math.min(atMs, LAST_MS)).toISOString();
}

/** RFC 3339 in UTC; null stays null. */
export function toTimestampOrNull(atMs: number | null): string | null {
  return atMs === null ? null : toTimestamp(atMs);
}

/** A job that is over cannot be cancelled, held or released. @throws Failure job/state */
export function refuseFinished(row: JobRow): void {
  if (row.finishedAtMs === null) return;
  throw new Failure("job/state", `job ${row.id} has ended (${row.state})`, { hint: `orch retry ${row.id}` });
}
