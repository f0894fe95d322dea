import type { Client } from "../client/client.ts";
import type { JobView } from "../protocol/views.ts";
import { must } from "../std/assert.ts";
import type { Context } from "./context.ts";
import { stayConnected } from "./terminal/stay-connected.ts";
import { isFinished } from "./text/job-text.ts";

export interface FollowOptions {
  readonly jobs: readonly number[];
  readonly logs: boolean;
  readonly signal: AbortSignal;
  /** A job's view when it is first seen and whenever it changes. */
  readonly onJob?: (job: JobView, before: JobView | undefined) => void;
  readonly onProgress?: (job: number, fraction: number, text: string | null) => void;
  /** A piece of a job's log as it was written, newlines included. */
  readonly onLog?: (job: number, text: string) => void;
}

/**
 * Follows jobs until all are finished, or until the signal aborts; gives the last view of each, in the order
 * asked for. Jobs outlive the daemon, so a broken connection is taken up again for a minute, and what of the log
 * was handed out already is not handed out twice.
 * @throws Failure job/unknown, daemon/unreachable
 */
export async function followJobs(
  context: Context,
  client: Client,
  options: FollowOptions,
): Promise<JobView[]> {
  const { signal } = options;
  const watch: Watch = { seen: new Map(), cursors: new Map(), done: false };
  await stayConnected(context, {
    signal,
    read: (heard) => followOnce(client, options, watch, heard),
    isDone: () => watch.done,
    mayWait: () => watch.seen.size > 0,
    notice: "orch: lost the daemon; its jobs go on",
  });
  if (signal.aborted) return [...watch.seen.values()];
  return Promise.all(options.jobs.map((job) => lastView(client, job, watch)));
}

interface Watch {
  readonly seen: Map<number, JobView>;
  /** How far the logs were handed out. */
  readonly cursors: Map<number, string>;
  done: boolean;
}

async function followOnce(
  client: Client,
  options: FollowOptions,
  watch: Watch,
  onLine: () => void,
): Promise<void> {
  const resume = [...watch.cursors.values()];
  const input = { jobs: options.jobs, logs: options.logs, ...(resume.length === 0 ? {} : { resume }) };
  for await (const line of client.stream("GET /follow", input, { signal: options.signal })) {
    onLine();
    switch (line.type) {
      case "job": {
        const before = watch.seen.get(line.job.id);
        watch.seen.set(line.job.id, line.job);
        options.onJob?.(line.job, before);
        break;
      }
      case "progress":
        options.onProgress?.(line.job, line.fraction, line.text);
        break;
      case "log":
        watch.cursors.set(line.job, line.cursor);
        options.onLog?.(line.job, line.text);
        break;
      case "end":
        watch.done = true;
        return;
      default:
        // A newer daemon may send kinds of lines that this client does not know yet.
        break;
    }
  }
}

async function lastView(client: Client, job: number, watch: Watch): Promise<JobView> {
  const seen = watch.seen.get(job);
  if (seen !== undefined && isFinished(seen)) return seen;
  return must(await client.call("GET /jobs/:job", { job }), "a job has a view");
}
