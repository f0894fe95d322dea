import { z } from "zod";
import { JobId } from "../protocol/inputs.ts";
import { JobDetail } from "../protocol/views.ts";
import type { EventRow } from "../store/queries.ts";
import type { Context } from "./context.ts";
import { correlationOf } from "./correlation.ts";
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
    return {
      ...viewJob(ctx, row),
      lane: row.lane,
      params: { ...row.params },
      command: row.command === null ? null : [...row.command],
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
      timeline: queries
        .events({ jobId: row.id, after: 0, limit: TIMELINE_MAX })
        .map((event) => viewEvent(ctx, event)),
    };
  },
});

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
