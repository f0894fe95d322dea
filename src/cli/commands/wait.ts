import { jobStates } from "../../protocol/list-fields.ts";
import type { JobView } from "../../protocol/views.ts";
import { parseDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";
import { flagReader, parseJobId, wordsFlag } from "../arguments.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { followJobs } from "../follow.ts";
import { isFinished, type JobState, jobExitCode, jobSentence } from "../text/job-text.ts";

interface Options {
  readonly timeout?: number;
  readonly any?: boolean;
  readonly state?: JobState[];
}

export const wait = command<Options>({
  name: "wait",
  summary: "Wait until jobs are finished; exits 0 when all succeeded, else as the first that did not",
  examples: [
    "orch wait 42",
    "orch wait 42 43 44 --timeout 10m",
    "orch wait 42 43 --any                  # until one of them is; its id with -q",
    "orch wait 42 --state running && orch attach 42",
    "orch wait $(orch ls -q)",
  ],
  describe: (parser) =>
    parser
      .argument("<jobs...>", "job ids")
      .option("--any", "until one of them is there; exits as that one")
      .option(
        "--state <states>",
        `until they are in one of these states, or were: ${jobStates.join(", ")}`,
        wordsFlag("--state", jobStates),
      )
      .option(
        "--timeout <duration>",
        "give up after this long with exit code 124",
        flagReader("--timeout", parseDurationMs),
      ),
  async run(context, args, options) {
    const { out } = context;
    const ids = [...new Set(args.map(parseJobId))];
    const client = await context.connect();
    const goal: Goal = { ids, states: options.state ?? null, any: options.any === true };
    const found: Found = { arrived: new Map(), lost: new Map() };
    const settled = new AbortController();
    const note = (job: JobView): void => {
      if (noteJob(goal, found, job) && !out.format.json && !out.format.quiet) out.print(jobSentence(job));
      if (isSettled(goal, found)) settled.abort();
    };
    const { timeout } = options;
    const timer = timeout === undefined ? undefined : setTimeout(() => settled.abort(), timeout);
    const signal = AbortSignal.any([context.signal, settled.signal]);
    const last = await followJobs(context, client, { jobs: ids, logs: false, signal, onJob: note });
    clearTimeout(timer);
    last.forEach(note);
    if (!isSettled(goal, found)) throw timedOut(goal, found);
    const jobs = ids.flatMap((id) => found.arrived.get(id) ?? []);
    out.result({ jobs }, { ids: jobs.map((job) => job.id), text: () => {} });
    return exitCodeOf(out, goal, found);
  },
});

interface Goal {
  readonly ids: readonly number[];
  /** Null = the end, however. */
  readonly states: readonly JobState[] | null;
  readonly any: boolean;
}

interface Found {
  readonly arrived: Map<number, JobView>;
  /** Jobs that are over and will never be in the state. */
  readonly lost: Map<number, JobView>;
}

/** True when this view of the job is the one that was waited for. */
function noteJob({ states }: Goal, { arrived, lost }: Found, job: JobView): boolean {
  if (arrived.has(job.id)) return false;
  const isThere = states === null ? isFinished(job) : states.some((state) => hasBeen(job, state));
  if (isThere) arrived.set(job.id, job);
  else if (isFinished(job)) lost.set(job.id, job);
  return isThere;
}

/** A state that a job was in for a moment only may be over before anybody looks. */
function hasBeen(job: JobView, state: JobState): boolean {
  if (job.state === state) return true;
  const isPast = isFinished(job) || job.state === "running";
  if (state === "starting") return isPast && job.attempts > 0;
  return state === "running" && isFinished(job) && job.startedAt !== null;
}

function isSettled({ ids, any }: Goal, { arrived, lost }: Found): boolean {
  if (any) return arrived.size > 0 || lost.size === ids.length;
  return lost.size > 0 || arrived.size === ids.length;
}

function exitCodeOf(out: Context["out"], { states, any }: Goal, { arrived, lost }: Found): number {
  const [never] = lost.values();
  if (never !== undefined && (!any || arrived.size === 0)) {
    out.fail(
      new Failure("job/failed", `job ${never.id} ${never.state} and will not be ${states?.join(" or ")}`, {
        why: never.reason?.text,
        hint: `orch show ${never.id}`,
      }),
    );
    return jobExitCode(never) || 1;
  }
  if (states !== null) return 0;
  return [...arrived.values()].map(jobExitCode).find((code) => code !== 0) ?? 0;
}

function timedOut({ ids, states }: Goal, { arrived }: Found): Failure {
  const waiting = ids.filter((id) => !arrived.has(id));
  const which = waiting.length === 1 ? `job ${waiting[0]} is` : `jobs ${waiting.join(", ")} are`;
  const what = states === null ? "finished" : states.join(" or ");
  return new Failure("wait/timeout", `${which} not ${what}`, { hint: `orch why ${waiting[0]}` });
}
