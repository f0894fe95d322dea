import { z } from "zod";
import { JobId } from "../protocol/inputs.ts";
import { JobDetail, type JobView } from "../protocol/views.ts";
import type { EventRow, JobRow } from "../store/queries.ts";
import type { Context } from "./context.ts";
import { correlationOf } from "./correlation.ts";
import { type LifeRecord, lifeOf } from "./job-life.ts";
import { findJob, toTimestamp, toTimestampOrNull, viewJob } from "./job-view.ts";
import { operation } from "./operation.ts";

const TIMELINE_MAX = 1000;

export const show = operation({
  route: "GET /jobs/:job",
  summary: "Everything about one job",
  who: "all",
  input: z.object({ job: JobId }).strict(),
  output: JobDetail,
  async run(ctx, input) {
    const row = findJob(ctx, input.job);
    const { queries, places } = ctx;
    const attempts = queries.attempts(row.id);
    const events = queries.events({ jobId: row.id, after: 0, limit: TIMELINE_MAX });
    const view = viewJob(ctx, row);
    return {
      ...view,
      lane: row.lane,
      params: { ...row.params },
      command: row.command === null ? null : [...row.command],
      terminal: row.terminal !== null,
      output: row.output,
      after: [...row.after],
      schedule: row.scheduleId,
      begin: beginOf(ctx, row.id),
      deadline: toTimestampOrNull(queries.deadlineOf(row.id)),
      preemptible: row.preemptible === 1,
      preemptions: attempts.filter(({ outcome }) => outcome === "preempted").length,
      retries: row.retries,
      timeLimitMs: row.timeLimitMs,
      logPath: places.jobLog(row.id),
      outputDir: places.jobOutputDir(row.id),
      history: attempts.map(({ startedAtMs, finishedAtMs, ...attempt }) => ({
        ...attempt,
        startedAt: toTimestamp(startedAtMs),
        finishedAt: toTimestampOrNull(finishedAtMs),
      })),
      webhook: ctx.mayRead(row) ? viewWebhook(ctx, row.id) : null,
      life: viewLife(ctx, row, view, { attempts, events }),
      timeline: events.map((event) => viewEvent(ctx, event)),
    };
  },
});

function viewLife(
  { queries }: Context,
  row: JobRow,
  { reason }: JobView,
  { attempts, events }: Pick<LifeRecord, "attempts" | "events">,
): JobDetail["life"] {
  const { id, submittedAtMs, finishedAtMs, state } = row;
  const fromSeq = events[0]?.seq ?? 0;
  const toSeq = (finishedAtMs === null ? undefined : events.at(-1)?.seq) ?? queries.lastEventSeq();
  const phases = lifeOf({
    ...{ submittedAtMs, finishedAtMs, attempts, events, isHeld: state === "held" },
    reason: finishedAtMs === null ? (reason?.text ?? null) : null,
    workers: queries.workersOfAttempts(id),
    leasesBefore: queries.leasesBefore,
    steps: (workers) => queries.workerSteps({ workers, fromSeq, toSeq }),
  });
  return phases.map(({ phase, fromMs, toMs, text }) => ({
    phase,
    from: toTimestamp(fromMs),
    to: toTimestampOrNull(toMs),
    text,
  }));
}

function viewWebhook(ctx: Context, jobId: number): JobDetail["webhook"] {
  const row = ctx.webhooks.find({ jobId, jobs: 0 });
  if (row === undefined) return null;
  const { url, events, state, detail, nextAtMs } = row;
  return {
    url,
    events: [...events],
    state,
    detail,
    nextTry: state === "open" ? toTimestampOrNull(nextAtMs) : null,
  };
}

function beginOf(ctx: Context, jobId: number): string | null {
  const job = ctx.state().jobs.get(jobId);
  return job?.phase.state === "held" && job.attempts === 0 ? toTimestampOrNull(job.phase.untilMs) : null;
}

/** One line of the event log as callers see it. */
export function viewEvent(ctx: Context, row: EventRow) {
  return {
    seq: row.seq,
    at: toTimestamp(row.atMs),
    type: row.type,
    job: row.jobId,
    correlation:
      row.jobId === null ? null : correlationOf(ctx, { id: row.jobId, correlation: row.correlation }),
    worker: row.worker,
    gpu: row.gpu,
    text: row.text,
  };
}
