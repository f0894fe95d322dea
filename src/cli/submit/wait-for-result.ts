import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../../client/client.ts";
import type { JobDetail, JobView } from "../../protocol/views.ts";
import { toFailure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import type { Context } from "../context.ts";
import { followJobs } from "../follow.ts";
import { isFinished, jobExitCode, jobFailure, jobSentence } from "../text/job-text.ts";
import { copyArtifacts } from "./copy-artifacts.ts";

export interface WaitOptions {
  readonly jobs: readonly number[];
  /** Folder for copies of the jobs' files. */
  readonly outDir: string | undefined;
  /** True: the jobs of a batch, each with a folder of its own under `outDir`. */
  readonly many: boolean;
}

/** Within this time a second Ctrl-C cancels. */
const SECOND_INTERRUPT_MS = 2000;

/**
 * Follows jobs to their end, prints their output, and gives the exit code: that of the first job that did not
 * succeed. The first Ctrl-C leaves the jobs to run, a second one soon after cancels them; both exit with 130.
 */
export async function waitForResult(context: Context, client: Client, options: WaitOptions): Promise<number> {
  const { out } = context;
  const stop = new AbortController();
  const restore = leaveOnInterrupt(context, client, options.jobs, stop);
  try {
    const jobs = await followJobs(context, client, {
      jobs: options.jobs,
      logs: false,
      signal: AbortSignal.any([context.signal, stop.signal]),
      onJob: (job, before) => showChange(context, job, before),
      onProgress: (job, fraction, text) => out.progress(progressLine(job, fraction, text)),
    });
    if (stop.signal.aborted || context.signal.aborted) return 130;
    const details = await Promise.all(jobs.map((job) => client.call("GET /jobs/:job", { job: job.id })));
    for (const detail of details) await finish(context, detail, options);
    if (out.format.json) printJson(context, details, options.many);
    return details.map(jobExitCode).find((code) => code !== 0) ?? 0;
  } finally {
    out.progress(null);
    restore();
  }
}

/** "job 42 [########------------]  40% step 12/30" */
export function progressLine(job: number, fraction: number, text: string | null): string {
  const cells = 20;
  const share = Math.min(1, Math.max(0, fraction));
  const full = Math.round(share * cells);
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `job ${job} [${"#".repeat(full)}${"-".repeat(cells - full)}] ${percent}% ${text ?? ""}`.trimEnd();
}

function showChange({ out }: Context, job: JobView, before: JobView | undefined): void {
  // A pipe or a log file wants the result only.
  if (!out.interactive || out.format.quiet) return;
  const changed =
    before !== undefined && (before.state !== job.state || before.reason?.code !== job.reason?.code);
  if (changed && !isFinished(job)) out.note(jobSentence(job));
}

async function finish(context: Context, job: JobDetail, options: WaitOptions): Promise<void> {
  const { out } = context;
  if (job.state !== "succeeded") {
    out.fail(jobFailure(job));
    return;
  }
  const folder = options.many ? String(job.id) : "";
  const files =
    options.outDir === undefined
      ? job.artifacts.map((artifact) => artifact.path)
      : await copyArtifacts(context.io.cwd, options.outDir, folder, job.artifacts);
  if (out.format.json) return;
  if (out.format.quiet) {
    out.print(String(job.id));
    return;
  }
  if (job.output !== null) out.write(outputText(job.output));
  for (const file of files) {
    // Without other output the files are the result; else they are told beside it.
    if (job.output === null) out.print(file);
    else out.note(`file: ${file}`);
  }
}

function outputText(output: Json): string {
  const text = typeof output === "string" ? output : JSON.stringify(output, null, 2);
  return text.endsWith("\n") ? text : `${text}\n`;
}

function printJson({ out }: Context, details: readonly JobDetail[], many: boolean): void {
  out.result(many ? { jobs: details } : details[0], { text: () => {} });
}

/** Makes Ctrl-C mean what the comment of `waitForResult` says; returns how to undo it. */
function leaveOnInterrupt(
  context: Context,
  client: Client,
  jobs: readonly number[],
  stop: AbortController,
): () => void {
  const { io, out } = context;
  let times = 0;
  return io.onSignal("SIGINT", () => {
    times += 1;
    if (times === 1) {
      const [first] = jobs;
      out.note(jobs.length === 1 ? `job ${first} goes on` : `${jobs.length} jobs go on`);
      out.note(`  follow: orch logs -f ${first}    cancel: orch cancel ${first}, or Ctrl-C once more now`);
      void delay(SECOND_INTERRUPT_MS, undefined, { signal: stop.signal }).then(
        () => {
          if (times === 1) stop.abort();
        },
        () => undefined,
      );
    } else if (times === 2) void cancelAll(context, client, jobs).finally(() => stop.abort());
    else stop.abort();
  });
}

/** Cancels jobs and says so; what cannot be cancelled is told and left. */
async function cancelAll({ out }: Context, client: Client, jobs: readonly number[]): Promise<void> {
  for (const job of jobs) {
    try {
      out.note(jobSentence(await client.call("POST /jobs/:job/cancel", { job })));
    } catch (error) {
      out.fail(toFailure(error));
    }
  }
}
