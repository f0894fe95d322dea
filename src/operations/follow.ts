import { z } from "zod";
import { Flag, JobId, List } from "../protocol/inputs.ts";
import { FollowLine } from "../protocol/views.ts";
import { explainJob } from "../scheduler/explain.ts";
import type { Context, Notice } from "./context.ts";
import { findJob, viewJob } from "./job-view.ts";
import { type LogReader, readLog } from "./log-reader.ts";
import { LOG_POLL_MS } from "./logs.ts";
import { streamOperation } from "./operation.ts";
import { createWaker } from "./waker.ts";

const REASON_POLL_MS = 1_000;

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
        if (followed.size > 0) await waker.wait(pollMs(followed.values(), input.logs));
      }
      if (!signal.aborted) yield { type: "end" as const };
    } finally {
      waker.close();
    }
  },
});

/** Why a job waits may change though nothing happens that is told of: that is looked at now and then. */
function pollMs(followed: Iterable<Followed>, withLogs: boolean): number | undefined {
  if (withLogs) return LOG_POLL_MS;
  for (const job of followed) if (job.isWaiting()) return REASON_POLL_MS;
  return undefined;
}

function concerns(notice: Notice, followed: ReadonlyMap<number, Followed>): boolean {
  if (notice.type === "progress") return followed.has(notice.jobId);
  if (notice.type === "events") {
    for (const job of followed.values()) if (job.hasNewReason()) return true;
    return false;
  }
  for (const id of followed.keys()) if (notice.ids.has(id)) return true;
  return false;
}

interface Followed {
  /** What changed since the last call. */
  news(): Generator<z.input<typeof FollowLine>>;
  isOver(): boolean;
  /** It has not started. */
  isWaiting(): boolean;
  /** It waits for another reason than was told last. Costs no look into the database. */
  hasNewReason(): boolean;
}

function createFollowed(ctx: Context, id: number, withLogs: boolean): Followed {
  findJob(ctx, id); // An unknown job is refused before the stream begins.
  const log: LogReader | null = withLogs ? readLog(() => ctx.places.jobLog(id), null) : null;
  let lastJob = "";
  let lastProgress = "";
  let over = false;
  let waiting = true;
  let lastCode: string | undefined;
  return {
    *news() {
      const row = findJob(ctx, id);
      over = row.finishedAtMs !== null;
      const job = viewJob(ctx, row);
      waiting = job.state !== "running" && !over;
      // Not the sentence: it counts seconds.
      const shown = JSON.stringify([job.state, job.reason?.code, job.attempts]);
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
      lastCode = job.reason?.code;
    },
    isOver: () => over,
    isWaiting: () => waiting,
    hasNewReason() {
      const state = ctx.state();
      const job = waiting ? state.jobs.get(id) : undefined;
      return job !== undefined && explainJob(state, job, ctx.clock.nowMs())?.code !== lastCode;
    },
  };
}
