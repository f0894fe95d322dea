import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../../client/client.ts";
import type { JobView } from "../../protocol/views.ts";
import { unreachable } from "../../std/assert.ts";
import { errnoOf, Failure, toFailure } from "../../std/failure.ts";
import type { Context } from "../context.ts";
import { followJobs } from "../follow.ts";
import type { InterruptSignal } from "../io.ts";
import { isFinished, jobExitCode, jobSentence } from "../text/job-text.ts";
import { holdSession, type SessionEnd, type SessionOptions } from "./terminal-session.ts";

export interface AttachOptions extends SessionOptions {
  /** The job if it was just queued here, and told of: an interrupt before its start cancels it. */
  readonly queued: JobView | null;
}

/** A holder that was just started needs a moment; so does one on a host that is short of everything. */
const COME_UP_MS = 30_000;
const RETRY_MS = 25;
/** What the kernel says of a holder that is not there yet, or just going. */
const NOT_THERE: ReadonlySet<string> = new Set(["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE"]);
/** How long the end of a job is waited for once its terminal has ended. */
const SETTLE_MS = 5_000;
/** What a signal to us makes of the exit code, as shells say it: 128 + its number. */
const signalExit: Readonly<Record<InterruptSignal, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/**
 * Waits for a job's start, puts the caller at its terminal and stays until the job ends or the caller leaves.
 * @returns the job's own exit code; 0 after the detach keys
 * @throws Failure job/state when it has no terminal or is over, and others
 */
export async function attachJob(
  context: Context,
  client: Client,
  id: number,
  options: AttachOptions,
): Promise<number> {
  const { out } = context;
  const { job } = await client.call("GET /jobs/:job/terminal", { job: id });
  if (isFinished(job) && options.queued === null) throw isOver(job);
  const waited = job.state === "running" ? null : await awaitStart(context, client, id, options.queued);
  if (waited !== null) return waited;
  const end = await comeIn(context, client, id, options);
  if (end === null) return replayEnd(context, client, id);
  switch (end.kind) {
    case "exited":
      return settle(context, client, id, end.exitCode);
    case "detached":
      out.note(`\norch: detached from job ${id}, which goes on; back to it: orch attach ${id}`);
      return 0;
    case "signalled":
      out.note(`\norch: left job ${id}, which goes on; back to it: orch attach ${id}`);
      return signalExit[end.signal];
    case "lost":
      return settle(context, client, id, null);
    default:
      return unreachable(end);
  }
}

/** Null once the job runs or has run; otherwise the exit code of a wait that was broken off. */
async function awaitStart(
  context: Context,
  client: Client,
  id: number,
  queued: JobView | null,
): Promise<number | null> {
  const { io, out } = context;
  const stop = new AbortController();
  let code: number | null = null;
  const onSignal = (signal: InterruptSignal): void => {
    const isFirst = code === null;
    code = signalExit[signal];
    if (queued === null || !isFirst) return stop.abort();
    out.note(`orch: cancelling job ${id}`);
    void cancel(context, client, id).finally(() => stop.abort());
  };
  const signals = Object.keys(signalExit) as InterruptSignal[];
  const restore = signals.map((signal) => io.onSignal(signal, () => onSignal(signal)));
  try {
    await followJobs(context, client, {
      jobs: [id],
      logs: false,
      signal: AbortSignal.any([context.signal, stop.signal]),
      onJob(job, before) {
        const told = before ?? queued;
        if (job.state === "running" || isFinished(job)) stop.abort();
        else if (told === null || told.reason?.code !== job.reason?.code)
          out.note(`orch: ${jobSentence(job)}`);
      },
    });
    return code;
  } finally {
    for (const undo of restore) undo();
  }
}

/** Null when the job was over before anybody came in. */
async function comeIn(
  context: Context,
  client: Client,
  id: number,
  options: SessionOptions,
): Promise<SessionEnd | null> {
  const { monotonicMs } = context.io.clock;
  const untilMs = monotonicMs() + COME_UP_MS;
  let cause: unknown;
  while (monotonicMs() < untilMs) {
    const { job, socket } = await client.call("GET /jobs/:job/terminal", { job: id });
    if (socket === null && isFinished(job)) return null;
    try {
      const end = socket === null ? null : await holdSession(context, socket, options);
      // A holder that was just ending has let us in, and no more than that.
      if (end !== null && (end.kind !== "lost" || end.hasShown)) return end;
    } catch (error) {
      cause = error;
      if (errnoOf(error) === "EACCES") throw notYours(id);
      if (!NOT_THERE.has(errnoOf(error) ?? "")) throw error;
    }
    await delay(RETRY_MS);
  }
  throw new Failure(
    "engine/failed",
    `the terminal of job ${id} did not come up within ${COME_UP_MS / 1000} s`,
    {
      why: cause instanceof Error ? cause.message : undefined,
      hint: `orch logs ${id}`,
      cause,
    },
  );
}

/** What a job wrote that was over before anybody could look at it. */
async function replayEnd(context: Context, client: Client, id: number): Promise<number> {
  const [job] = await followJobs(context, client, {
    jobs: [id],
    logs: true,
    signal: context.signal,
    onLog: (_job, text) => context.out.write(text),
  });
  if (job === undefined) return 1;
  tellEnd(context.out, job);
  return jobExitCode(job);
}

/**
 * Waits for the job's end on record, so that what is asked next sees it. The terminal's own word counts where the daemon
 * is away or the job is to run again.
 * @param exitCode null when the terminal was lost
 */
async function settle(
  context: Context,
  client: Client,
  id: number,
  exitCode: number | null,
): Promise<number> {
  const job = await lastView(context, client, id);
  if (job !== null && isFinished(job)) {
    tellEnd(context.out, job);
    return jobExitCode(job);
  }
  if (exitCode === null) {
    throw new Failure("worker/failed", `the connection to the terminal of job ${id} was lost`, {
      why: job === null ? "and the daemon does not answer" : jobSentence(job),
      hint: `orch attach ${id}`,
    });
  }
  if (job !== null && job.state !== "running") context.out.note(`orch: ${jobSentence(job)}`);
  return exitCode;
}

async function lastView(context: Context, client: Client, id: number): Promise<JobView | null> {
  const signal = AbortSignal.timeout(SETTLE_MS);
  try {
    const [job] = await followJobs(context, client, { jobs: [id], logs: false, signal });
    return job ?? null;
  } catch (error) {
    const { code } = toFailure(error);
    if (code === "daemon/unreachable" || code === "daemon/stopping") return null;
    throw error;
  }
}

/** Its last words have just been on the screen. */
function tellEnd(out: Context["out"], job: JobView): void {
  const { id, state, exitCode, reason } = job;
  if (state === "succeeded" || out.format.quiet) return;
  const isPlain = state === "failed" && reason?.code === "failed" && exitCode !== null && exitCode < 128;
  out.note(`orch: ${isPlain ? `job ${id} ended with exit code ${exitCode}` : jobSentence(job)}`);
}

function isOver(job: JobView): Failure {
  return new Failure(
    "job/state",
    `job ${job.id} is over: it ${job.state === "failed" ? "" : "has "}${job.state}`,
    {
      why: "a terminal lives as long as its job",
      hint: `orch logs ${job.id}`,
    },
  );
}

function notYours(id: number): Failure {
  return new Failure(
    "permission/denied",
    `the terminal of job ${id} is open to its own user and to admins alone`,
    {
      hint: `orch logs -f ${id}`,
    },
  );
}

async function cancel({ out }: Context, client: Client, job: number): Promise<void> {
  try {
    await client.call("POST /jobs/:job/cancel", { job });
  } catch (error) {
    const failure = toFailure(error);
    // It may just have ended by itself.
    if (failure.code !== "job/state") out.fail(failure);
  }
}
