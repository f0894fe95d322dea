import type { JobView } from "../../protocol/views.ts";
import { formatDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";
import type { Colour } from "../output.ts";
import type { Column } from "./table.ts";

export type JobState = JobView["state"];

export const unfinishedStates = [
  "held",
  "queued",
  "starting",
  "running",
] as const satisfies readonly JobState[];

/** True once nothing more will happen to the job. */
export function isFinished(job: Pick<JobView, "state">): boolean {
  return !unfinishedStates.some((state) => state === job.state);
}

/** The exit code of a command that stands for this job: its own, and never 0 unless it succeeded. */
export function jobExitCode(job: Pick<JobView, "state" | "exitCode">): number {
  if (job.state === "succeeded") return job.exitCode ?? 0;
  return job.exitCode === null || job.exitCode === 0 ? 1 : job.exitCode;
}

/** "job 42 queued (waits for 10 GiB on GPU 0)" */
export function jobSentence(job: JobView): string {
  const reason = job.reason === null || job.reason.text === "" ? "" : ` (${job.reason.text})`;
  return `job ${job.id} ${job.state}${reason}`;
}

/** What to tell of a job that did not succeed. */
export function jobFailure(job: JobView): Failure {
  const code = job.exitCode === null ? "" : ` with exit code ${job.exitCode}`;
  const what = job.state === "cancelled" ? "was cancelled" : `failed${code}`;
  // What never began has no log.
  const look =
    job.reason?.code === "start-failed" ? `orch doctor; orch show ${job.id}` : `orch logs ${job.id}`;
  return new Failure("job/failed", `job ${job.id} ${what}`, {
    why: job.reason?.text,
    hint: job.state === "cancelled" ? `orch retry ${job.id}` : look,
  });
}

/** Columns of a list of jobs. Ages count up to `nowMs`; arrays have a column where there are any. */
export function jobColumns(nowMs: number, jobs: readonly JobView[] = []): Column<JobView>[] {
  const arrays: Column<JobView>[] = jobs.some(({ array }) => array !== null)
    ? [{ title: "ARRAY", value: arrayName, rank: 1 }]
    : [];
  return [
    { title: "ID", value: (job) => job.id, align: "right", rank: 9 },
    { title: "RUNTIME", value: (job) => job.runtime, shrinks: true, rank: 5 },
    { title: "STATE", value: stateWithProgress, colour: (job) => stateColour(job.state), rank: 8 },
    { title: "TIME", value: (job) => jobTime(job, nowMs), align: "right", rank: 6 },
    { title: "USER", value: (job) => job.user, shrinks: true, rank: 2 },
    { title: "WORKER", value: (job) => job.worker, shrinks: true, rank: 3 },
    ...arrays,
    { title: "JOB", value: (job) => job.label ?? clip(job.summary), shrinks: true, rank: 7 },
    {
      title: "REASON",
      value: (job) => (job.reason === null ? null : `${job.reason.code}: ${job.reason.text}`),
      shrinks: true,
      rank: 4,
    },
  ];
}

/** "run=7, team=vision", or null without any. */
export function labelsText(labels: JobView["labels"]): string | null {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? null : pairs.join(", ");
}

/** "12_[3]": job 3 of array 12, as Slurm has it. */
export function arrayName({ array }: Pick<JobView, "array">): string | null {
  return array === null ? null : `${array.id}_[${array.index}]`;
}

/** The colour of a job's or worker's state; undefined = plain. */
export function stateColour(state: string): Colour | undefined {
  if (["running", "ready", "busy"].includes(state)) return "green";
  if (state === "failed") return "red";
  if (["queued", "starting", "draining", "stopping"].includes(state)) return "yellow";
  return state === "held" || state === "cancelled" || state === "gone" ? "dim" : undefined;
}

/** GPU UUIDs as people can tell them apart: the first block of a real one, others whole. */
export function gpuNames(uuids: readonly string[]): string | null {
  if (uuids.length === 0) return null;
  return uuids.map((uuid) => /^GPU-[0-9a-f]{8}(?=-)/.exec(uuid)?.[0] ?? uuid).join(",");
}

function stateWithProgress(job: JobView): string {
  if (job.state !== "running" || job.progress === null) return job.state;
  return `${job.state} ${Math.floor(job.progress.fraction * 100)}%`;
}

/** How long it waits, runs or ran. */
function jobTime(job: JobView, nowMs: number): string {
  const from = Date.parse(job.startedAt ?? job.submittedAt);
  const to = job.finishedAt === null ? nowMs : Date.parse(job.finishedAt);
  return formatDurationMs(Math.max(0, to - from));
}

const SUMMARY_MAX = 48;

function clip(text: string): string {
  return text.length > SUMMARY_MAX ? `${text.slice(0, SUMMARY_MAX - 1)}…` : text;
}
