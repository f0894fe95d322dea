import { z } from "zod";
import { Correlation, Flag, JobId, List } from "../protocol/inputs.ts";
import { LogLine, LogQuery } from "../protocol/log-views.ts";
import type { Caller } from "../protocol/operation.ts";
import { Failure } from "../std/failure.ts";
import type { Context } from "./context.ts";
import { jobsOfCorrelation } from "./correlation.ts";
import { createGrep } from "./grep.ts";
import { findJob } from "./job-view.ts";
import {
  daemonSource,
  jobSource,
  type LogSource,
  parseCursors,
  resumeAt,
  workerSource,
} from "./log-sources.ts";
import { createLogTail, type LogTail } from "./log-tail.ts";
import { streamOperation } from "./operation.ts";
import { refuseStranger } from "./rights.ts";
import { createWaker } from "./waker.ts";

/** A log file has no news of its own: it is looked at this often while somebody follows. */
export const LOG_POLL_MS = 100;
const MAX_LOGS = 200;

const JobLogQuery = z.object({ job: JobId, ...LogQuery }).strict();
type Query = Omit<z.output<typeof JobLogQuery>, "job">;

export const logs = streamOperation({
  route: "GET /jobs/:job/logs",
  summary: "What a job wrote, and what it writes",
  who: "owner",
  input: JobLogQuery,
  output: LogLine,
  run: (ctx, input, caller, signal) =>
    streamLogs(ctx, [ownJobSource(ctx, caller, input.job, input.attempt)], input, signal),
});

export const manyLogs = streamOperation({
  route: "GET /logs",
  summary: "What jobs, workers and the daemon wrote, and what they write",
  who: "owner",
  input: z
    .object({
      jobs: List(JobId).default([]),
      workers: List(z.string().min(1)).default([]).describe("by name or id"),
      daemon: Flag.default(false).describe("the daemon's own log"),
      correlation: Correlation.optional().describe("of all jobs that bear this id"),
      ...LogQuery,
    })
    .strict(),
  output: LogLine,
  run: (ctx, input, caller, signal) => streamLogs(ctx, sourcesOf(ctx, caller, input), input, signal),
});

interface Asked {
  readonly jobs: readonly number[];
  readonly workers: readonly string[];
  readonly daemon: boolean;
  readonly correlation?: string | undefined;
  readonly attempt?: number | undefined;
}

function ownJobSource(ctx: Context, caller: Caller, id: number, attempt: number | undefined): LogSource {
  refuseStranger(ctx.host.uid, findJob(ctx, id), caller);
  return jobSource(ctx, id, attempt);
}

/** What workers and the daemon write may be about anybody's job. */
function refuseOthers(ctx: Context, caller: Caller, what: string): void {
  refuseStranger(ctx.host.uid, { id: 0, uid: ctx.host.uid, user: "the daemon's user", what }, caller);
}

function sourcesOf(ctx: Context, caller: Caller, asked: Asked): LogSource[] {
  const { jobs, workers, daemon, correlation, attempt } = asked;
  if (workers.length > 0) refuseOthers(ctx, caller, "what workers write");
  if (daemon) refuseOthers(ctx, caller, "the daemon's log");
  const found = correlation === undefined ? [] : jobsOfCorrelation(ctx, correlation, MAX_LOGS);
  if (correlation !== undefined && found.length === 0) {
    throw new Failure("job/unknown", `no job bears the correlation id ${correlation}`, {
      hint: "orch show JOB tells a job's id",
    });
  }
  const sources = [
    ...[...new Set([...jobs, ...found])].map((id) => ownJobSource(ctx, caller, id, attempt)),
    ...[...new Set(workers)].map((name) => workerSource(ctx, name)),
    ...(daemon ? [daemonSource(ctx)] : []),
  ];
  if (sources.length > 0 && sources.length <= MAX_LOGS) return sources;
  const what = sources.length === 0 ? "no log is asked for" : `${sources.length} logs are asked for`;
  throw new Failure("usage/invalid", what, {
    why: `at once it may be 1 to ${MAX_LOGS}`,
    hint: "orch logs 42, orch logs sdxl-3 or orch logs --daemon",
  });
}

async function* streamLogs(
  ctx: Context,
  sources: readonly LogSource[],
  query: Query,
  signal: AbortSignal,
): AsyncGenerator<LogLine, void, undefined> {
  const tails = openTails(ctx, sources, query);
  const ids = new Set(sources.map(({ about }) => about.job));
  const waker = createWaker(
    ctx.feed,
    (notice) => notice.type === "jobs" && [...notice.ids].some((id) => ids.has(id)),
    signal,
  );
  try {
    while (tails.size > 0) {
      for (const tail of tails) {
        yield* tail.news(!query.follow);
        if (signal.aborted) return;
        if (tail.isOver() || !query.follow) tails.delete(tail);
      }
      if (tails.size > 0) await waker.wait(LOG_POLL_MS);
    }
  } finally {
    waker.close();
    for (const tail of tails) tail.close();
  }
}

function openTails(ctx: Context, sources: readonly LogSource[], query: Query): Set<LogTail> {
  if (query.follow && query.until !== undefined) {
    throw new Failure("usage/invalid", "a log cannot be followed until a time", {
      hint: "leave --follow or --until out",
    });
  }
  const { grep, ignoreCase, invert } = query;
  if (grep === undefined && (ignoreCase || invert)) {
    throw new Failure("usage/invalid", "there is no expression to match", { hint: "add --grep EXPRESSION" });
  }
  const cursors = parseCursors(query.resume);
  const wish = {
    tail: query.tail ?? null,
    sinceMs: query.since ?? null,
    untilMs: query.until ?? null,
    lines: query.lines,
    wholeLines: sources.length > 1,
  };
  return new Set(
    sources.map((each) => {
      const { source, offset } = resumeAt(ctx, each, cursors);
      // Those who resume have seen the last lines: from there on, each new line that matches counts.
      const own = offset === null ? wish : { ...wish, tail: null };
      const matcher = grep === undefined ? null : createGrep(grep, { ignoreCase, invert });
      return createLogTail(source, offset, { ...own, grep: matcher }, ctx.clock);
    }),
  );
}
