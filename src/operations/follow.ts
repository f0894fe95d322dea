import { z } from "zod";
import { FollowLine } from "../protocol/follow-line.ts";
import { Flag, JobId, List } from "../protocol/inputs.ts";
import { explainJob } from "../scheduler/explain.ts";
import type { Context, Notice, Written } from "./context.ts";
import { findJob, viewJob } from "./job-view.ts";
import { jobSource, parseCursors, resumeAt } from "./log-sources.ts";
import { createLogTail, type LogTail } from "./log-tail.ts";
import { LOG_POLL_MS } from "./logs.ts";
import { streamOperation } from "./operation.ts";
import { refuseStranger } from "./rights.ts";
import { createWaker } from "./waker.ts";

const REASON_POLL_MS = 1_000;

export const follow = streamOperation({
  route: "GET /follow",
  summary: "Follow jobs until all are finished: states, progress and, if wanted, what they write",
  who: "owner",
  input: z
    .object({
      jobs: List(JobId),
      logs: Flag.default(false),
      text: Flag.default(false).describe(
        "the text that jobs make, as they write it; all of it is in their output",
      ),
      resume: List(z.string().max(60))
        .default([])
        .describe("cursors from lines of an earlier stream: these logs go on from there"),
    })
    .strict(),
  output: FollowLine,
  async *run(ctx, input, caller, signal) {
    for (const id of input.jobs) refuseStranger(ctx.host.uid, findJob(ctx, id), caller);
    const openTail = input.logs ? tailsFrom(ctx, input.resume) : () => null;
    const followed = new Map(
      input.jobs.map((id) => [id, createFollowed(ctx, id, { log: openTail(id), withText: input.text })]),
    );
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
      for (const job of followed.values()) job.close();
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
  if (notice.type === "text") return followed.get(notice.jobId)?.hear(notice.written) ?? false;
  if (notice.type === "events") {
    for (const job of followed.values()) if (job.hasNewReason()) return true;
    return false;
  }
  for (const id of followed.keys()) if (notice.ids.has(id)) return true;
  return false;
}

interface Followed {
  /** What changed since the last call. */
  news(): AsyncGenerator<z.input<typeof FollowLine>>;
  /** What it has written; false when nobody wants to know. */
  hear(written: Written): boolean;
  isOver(): boolean;
  /** It has not started. */
  isWaiting(): boolean;
  /** It waits for another reason than was told last. Costs no look into the database. */
  hasNewReason(): boolean;
  close(): void;
}

/** Opens the logs of jobs: from their first attempts on, or from where an earlier stream was. */
function tailsFrom(ctx: Context, resume: readonly string[]): (id: number) => LogTail {
  const cursors = parseCursors(resume);
  const wish = { tail: null, sinceMs: null, untilMs: null, grep: null, lines: false, wholeLines: false };
  return (id) => {
    const { source, offset } = resumeAt(ctx, jobSource(ctx, id), cursors);
    return createLogTail(source, offset, wish, ctx.clock);
  };
}

interface Wanted {
  readonly log: LogTail | null;
  readonly withText: boolean;
}

function createFollowed(ctx: Context, id: number, { log, withText }: Wanted): Followed {
  let lastJob = "";
  let lastProgress = "";
  let over = false;
  let waiting = true;
  let lastCode: string | undefined;
  // Kept here: nobody else has it any more when the end of the attempt was told.
  let written = withText ? ctx.writtenOf(id) : null;
  const told = { attempt: 0, at: 0 };
  const newText = function* (): Generator<z.input<typeof FollowLine>> {
    if (written === null) return;
    const { attempt } = written;
    if (told.attempt !== attempt) Object.assign(told, { attempt, at: 0 });
    const { at } = told;
    const text = written.text.slice(at);
    told.at += text.length;
    if (text !== "") yield { type: "text", job: id, attempt, at, text };
  };
  return {
    hear(latest) {
      if (withText) written = latest;
      return withText;
    },
    async *news() {
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
      if (log !== null)
        for await (const { text, cursor } of log.news(false)) yield { type: "log", job: id, text, cursor };
      yield* newText();
      if (over && shown !== lastJob) yield { type: "job", job };
      lastJob = shown;
      lastCode = job.reason?.code;
    },
    isOver: () => over,
    close: () => log?.close(),
    isWaiting: () => waiting,
    hasNewReason() {
      const state = ctx.state();
      const job = waiting ? state.jobs.get(id) : undefined;
      return job !== undefined && explainJob(state, job, ctx.clock.nowMs())?.code !== lastCode;
    },
  };
}
