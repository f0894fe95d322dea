import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../client/client.ts";
import type { JobView } from "../protocol/views.ts";
import { must } from "../std/assert.ts";
import { Failure } from "../std/failure.ts";
import type { Context } from "./context.ts";
import { isFinished } from "./job-text.ts";

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

const RECONNECT_FOR_MS = 60_000;
const RECONNECT_EVERY_MS = 200;

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
  const watch: Watch = { seen: new Map(), logged: new Map(), done: false };
  let lostAtMs: number | undefined;
  while (!watch.done && !options.signal.aborted) {
    try {
      await followOnce(client, options, watch, () => {
        lostAtMs = undefined;
      });
      if (!watch.done && !options.signal.aborted) throw brokenOff();
    } catch (error) {
      if (!(error instanceof Failure) || !isLoss(error) || watch.seen.size === 0) throw error;
      const nowMs = context.io.clock.monotonicMs();
      if (lostAtMs === undefined)
        context.out.note("orch: lost the daemon; its jobs go on; waiting for it to return");
      lostAtMs ??= nowMs;
      if (nowMs - lostAtMs > RECONNECT_FOR_MS) throw error;
      await delay(RECONNECT_EVERY_MS, undefined, { signal: options.signal }).catch(() => undefined);
    }
  }
  if (options.signal.aborted) return [...watch.seen.values()];
  return Promise.all(options.jobs.map((job) => lastView(client, job, watch)));
}

interface Watch {
  readonly seen: Map<number, JobView>;
  /** Characters of the log handed out so far, by job and attempt: each attempt has a log of its own. */
  readonly logged: Map<string, number>;
  done: boolean;
}

async function followOnce(
  client: Client,
  options: FollowOptions,
  watch: Watch,
  onLine: () => void,
): Promise<void> {
  const replayed = new Map<string, number>();
  const input = { jobs: options.jobs, logs: options.logs };
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
        handOut(line.job, line.text, { watch, replayed, options });
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

function handOut(
  job: number,
  text: string,
  state: { watch: Watch; replayed: Map<string, number>; options: FollowOptions },
): void {
  const key = `${job}/${state.watch.seen.get(job)?.attempts ?? 0}`;
  const start = state.replayed.get(key) ?? 0;
  const logged = state.watch.logged.get(key) ?? 0;
  state.replayed.set(key, start + text.length);
  const fresh = text.slice(Math.max(0, logged - start));
  if (fresh === "") return;
  state.watch.logged.set(key, start + text.length);
  state.options.onLog?.(job, fresh);
}

async function lastView(client: Client, job: number, watch: Watch): Promise<JobView> {
  const seen = watch.seen.get(job);
  if (seen !== undefined && isFinished(seen)) return seen;
  return must(await client.call("GET /jobs/:job", { job }), "a job has a view");
}

function isLoss(failure: Failure): boolean {
  return failure.code === "daemon/unreachable" || failure.code === "daemon/stopping";
}

function brokenOff(): Failure {
  return new Failure("daemon/unreachable", "the daemon ended the stream before the jobs", {
    hint: "orch status",
  });
}
