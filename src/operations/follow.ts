import { z } from "zod";
import { Flag, JobId, List } from "../protocol/inputs.ts";
import { FollowLine } from "../protocol/views.ts";
import type { Context, Notice } from "./context.ts";
import { findJob, viewJob } from "./job-view.ts";
import { type LogReader, readLog } from "./log-reader.ts";
import { LOG_POLL_MS } from "./logs.ts";
import { streamOperation } from "./operation.ts";
import { createWaker } from "./waker.ts";

export const follow = streamOperation({
  route: "GET /follow",
  summary: "Follow jobs until all are finished: states, progress and, if wanted, what they write",
  input: z.object({ jobs: List(JobId), logs: Flag.default(false) }).strict(),
  output: FollowLine,
  async *run(ctx, input, _caller, signal) {
    const followed = new Map(input.jobs.map((id) => [id, createFollowed(ctx, id, input.logs)]));
    const waker = createWaker(ctx.feed, (notice) => concerns(notice, followed), signal);
    try {
      while (followed.size > 0 && !signal.aborted) {
        for (const [id, job] of followed) {
          yield* job.news();
          if (job.isOver()) followed.delete(id);
        }
        if (followed.size > 0) await waker.wait(input.logs ? LOG_POLL_MS : undefined);
      }
      if (!signal.aborted) yield { type: "end" as const };
    } finally {
      waker.close();
    }
  },
});

function concerns(notice: Notice, followed: ReadonlyMap<number, unknown>): boolean {
  if (notice.type === "progress") return followed.has(notice.jobId);
  if (notice.type === "events") return false;
  for (const id of followed.keys()) if (notice.ids.has(id)) return true;
  return false;
}

interface Followed {
  /** What changed since the last call. */
  news(): Generator<z.input<typeof FollowLine>>;
  isOver(): boolean;
}

function createFollowed(ctx: Context, id: number, withLogs: boolean): Followed {
  findJob(ctx, id); // An unknown job is refused before the stream begins.
  const log: LogReader | null = withLogs ? readLog(() => ctx.places.jobLog(id), null) : null;
  let lastJob = "";
  let lastProgress = "";
  let over = false;
  return {
    *news() {
      const row = findJob(ctx, id);
      over = row.finishedAtMs !== null;
      const job = viewJob(ctx, row);
      const shown = JSON.stringify([job.state, job.reason, job.attempts]);
      const { progress } = job;
      if (!over && shown !== lastJob) yield { type: "job", job };
      if (progress !== null && JSON.stringify(progress) !== lastProgress) {
        lastProgress = JSON.stringify(progress);
        yield { type: "progress", job: id, ...progress };
      }
      for (let text = log?.next() ?? ""; text !== ""; text = log?.next() ?? "")
        yield { type: "log", job: id, text };
      if (over && shown !== lastJob) yield { type: "job", job };
      lastJob = shown;
    },
    isOver: () => over,
  };
}
