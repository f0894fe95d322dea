import type { Client } from "../../client/client.ts";
import type { JobDetail, JobView } from "../../protocol/views.ts";
import type { Json } from "../../std/json.ts";
import type { Context } from "../context.ts";
import { followJobs } from "../follow.ts";
import { jobExitCode, jobFailure } from "../text/job-text.ts";
import { createBatchBar } from "./batch-bar.ts";
import { copyArtifacts } from "./copy-artifacts.ts";
import { printFailures } from "./failed-jobs.ts";
import { leaveOnInterrupt } from "./leave-on-interrupt.ts";
import { createLiveLine } from "./live-line.ts";
import type { SubmitFlags } from "./submit-flags.ts";

export interface WaitOptions {
  readonly jobs: readonly number[];
  /** Folder for copies of the jobs' files. */
  readonly outDir: string | undefined;
  /** Copies take the place of files that are there. */
  readonly force: boolean;
  /** Pictures are shown where the terminal can. */
  readonly images: boolean;
  /** True: the jobs of a batch, each with a folder of its own under `outDir`. */
  readonly many: boolean;
}

/** What the flags say about the results of jobs. */
export function resultOptionsOf(flags: SubmitFlags): Pick<WaitOptions, "outDir" | "force" | "images"> {
  return { outDir: flags.out, force: flags.force === true, images: flags.images !== false };
}

/** So many jobs are followed in one request: it names them in its address. */
const FOLLOWED_AT_ONCE = 500;

/**
 * Follows jobs to their end, prints their output, and gives the exit code: that of the first job that did not
 * succeed. The first Ctrl-C leaves the jobs to run, a second one soon after cancels them; both exit with 130.
 */
export async function waitForResult(context: Context, client: Client, options: WaitOptions): Promise<number> {
  const { out } = context;
  const stop = new AbortController();
  const restore = leaveOnInterrupt(context, client, options.jobs, stop);
  try {
    const jobs = await followAll(context, client, options, AbortSignal.any([context.signal, stop.signal]));
    if (stop.signal.aborted || context.signal.aborted) return 130;
    const details: JobDetail[] = [];
    let copyFailed: number | undefined;
    for (const { id } of jobs) {
      const detail = await client.call("GET /jobs/:job", { job: id });
      // The outputs of a batch need not all be kept in memory.
      if (out.format.json) details.push(detail);
      copyFailed ??= await finish(context, detail, options);
    }
    if (options.many) printFailures(out, jobs);
    if (out.format.json) out.result(options.many ? { jobs: details } : details[0], { text: () => {} });
    return jobs.map(jobExitCode).find((code) => code !== 0) ?? copyFailed ?? 0;
  } finally {
    restore();
  }
}

async function followAll(
  context: Context,
  client: Client,
  { jobs, many }: WaitOptions,
  signal: AbortSignal,
): Promise<JobView[]> {
  const batch = createBatchBar(context, jobs.length);
  const line = many ? { ...batch, onProgress: () => {} } : createLiveLine(context, client);
  const parts = Array.from({ length: Math.ceil(jobs.length / FOLLOWED_AT_ONCE) }, (_, part) =>
    jobs.slice(part * FOLLOWED_AT_ONCE, (part + 1) * FOLLOWED_AT_ONCE),
  );
  try {
    const ended = await Promise.all(
      parts.map((part) =>
        followJobs(context, client, {
          jobs: part,
          logs: false,
          signal,
          onJob: line.onJob,
          onProgress: line.onProgress,
        }),
      ),
    );
    return ended.flat();
  } finally {
    line.close();
  }
}

/** Prints what came of a job; gives an exit code if its files could not all be copied. */
async function finish(context: Context, job: JobDetail, options: WaitOptions): Promise<number | undefined> {
  const { out } = context;
  if (job.state !== "succeeded") {
    if (!options.many) out.fail(jobFailure(job));
    return undefined;
  }
  const { files, failures } = await filesOf(context, job, options);
  for (const failure of failures) out.fail(failure);
  const code = failures[0]?.exitCode;
  if (out.format.json) return code;
  if (out.format.quiet) {
    out.print(String(job.id));
    return code;
  }
  if (job.output !== null) out.write(outputText(job.output));
  for (const file of files) {
    // Without other output the files are the result; else they are told beside it.
    if (job.output === null) out.print(file);
    else out.note(`file: ${file}`);
  }
  // Pictures are for people alone: never in a pipe.
  if (options.images && context.io.stdout.isTTY === true && files.length > 0) {
    const { showPictures } = await import("../picture/show-pictures.ts");
    await showPictures(context, files);
  }
  return code;
}

async function filesOf({ io }: Context, job: JobDetail, { outDir, force, many }: WaitOptions) {
  if (outDir === undefined) return { files: job.artifacts.map((artifact) => artifact.path), failures: [] };
  return copyArtifacts({ cwd: io.cwd, outDir, folder: many ? String(job.id) : "", force }, job.artifacts);
}

function outputText(output: Json): string {
  const text = typeof output === "string" ? output : JSON.stringify(output, null, 2);
  return text.endsWith("\n") ? text : `${text}\n`;
}
