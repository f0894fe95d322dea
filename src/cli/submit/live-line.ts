import type { Client, OutputOf } from "../../client/client.ts";
import type { JobView } from "../../protocol/views.ts";
import { formatDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";
import type { Context } from "../context.ts";
import { isFinished } from "../text/job-text.ts";
import { bar, createRate, type Rate } from "../text/progress-text.ts";
import { oneLine } from "../text/width.ts";

const EVERY_MS = 1000;

/** The one line that tells how a job that is waited for stands. */
export interface LiveLine {
  onJob(job: JobView): void;
  onProgress(job: number, fraction: number, text: string | null): void;
  close(): void;
}

type Outlook = OutputOf<"GET /jobs/:job/why">;

interface Seen {
  job: JobView | null;
  outlook: Outlook | null;
  progress: { readonly fraction: number; readonly text: string | null } | null;
  /** Since when it is in this state for this reason, by the monotonic clock. */
  sinceMs: number;
}

/**
 * Keeps a line about one job on the terminal: its place, why it waits or what is being switched, when it starts; then its
 * own progress. It is renewed every second, since times in it go on. Nothing where stderr is no terminal.
 */
export function createLiveLine(context: Context, client: Client): LiveLine {
  const { out, io } = context;
  const seen: Seen = { job: null, outlook: null, progress: null, sinceMs: io.clock.monotonicMs() };
  if (!out.interactive || out.format.quiet) return { onJob: () => {}, onProgress: () => {}, close: () => {} };
  let rate = createRate();
  let isOver = false;
  const draw = (): void => {
    if (!isOver && seen.job !== null) out.progress(lineOf(seen, rate, io.clock));
  };
  const look = async (): Promise<void> => {
    if (seen.job !== null && isWaiting(seen.job)) seen.outlook = await outlookOf(client, seen.job.id);
    draw();
  };
  const timer = setInterval(() => void look(), EVERY_MS);
  return {
    onJob(job) {
      const isNews = seen.job?.state !== job.state || seen.job.reason?.code !== job.reason?.code;
      if (isNews) seen.sinceMs = io.clock.monotonicMs();
      if (seen.job?.attempts !== job.attempts) {
        seen.progress = null;
        rate = createRate();
      }
      seen.job = job;
      isOver = isFinished(job);
      if (!isOver) void look();
    },
    onProgress(_job, fraction, text) {
      rate.note(fraction, text, io.clock.monotonicMs());
      seen.progress = { fraction, text };
      draw();
    },
    close() {
      isOver = true;
      clearInterval(timer);
      out.progress(null);
    },
  };
}

function isWaiting({ state }: JobView): boolean {
  return state === "held" || state === "queued" || state === "starting";
}

/** Not to know is no failure: the stream that follows the job says so if the daemon is gone. */
async function outlookOf(client: Client, job: number): Promise<Outlook | null> {
  try {
    return await client.call("GET /jobs/:job/why", { job });
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

function lineOf(seen: Seen, rate: Rate, clock: Context["io"]["clock"]): string {
  const { job, outlook, progress } = seen;
  if (job === null) return "";
  const elapsed = formatDurationMs(Math.max(0, clock.monotonicMs() - seen.sinceMs));
  if (!isWaiting(job)) {
    if (progress === null) return `job ${job.id} ${job.state} on ${job.worker ?? "its worker"}, ${elapsed}`;
    return `job ${job.id} ${bar(progress.fraction)} ${oneLine(progress.text ?? "")}${rate.text()}`.trimEnd();
  }
  const reason = outlook?.job.reason ?? job.reason;
  const parts = [
    positionText(outlook?.position ?? null),
    reason === null || reason.text === "" ? job.state : oneLine(reason.text),
    etaText(outlook, clock.nowMs()),
    elapsed,
  ];
  return `job ${job.id}: ${parts.filter((part) => part !== null).join(" · ")}`;
}

function positionText(position: number | null): string | null {
  if (position === null) return null;
  return position === 1 ? "next in its lane" : `number ${position} in its lane`;
}

function etaText(outlook: Outlook | null, nowMs: number): string | null {
  if (outlook === null || outlook.eta === null) return null;
  const inMs = Math.max(0, Date.parse(outlook.eta.at) - nowMs);
  return `starts in ${outlook.eta.extrapolated ? "about " : ""}${formatDurationMs(Math.ceil(inMs / 1000) * 1000)}`;
}
