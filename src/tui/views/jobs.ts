import type { GpuView, JobView } from "../../protocol/views.ts";
import { drawBar } from "../text/bar.ts";
import type { PaneColumn } from "../text/columns.ts";
import { plain } from "../text/foreign-text.ts";
import type { Look, Role } from "../text/look.ts";
import { shortSpan } from "../text/span.ts";
import { gpuIndices } from "./workers.ts";

export interface JobContext {
  readonly look: Look;
  readonly nowMs: number;
  readonly gpus: readonly GpuView[];
  readonly startsMs: ReadonlyMap<number, number>;
  readonly marks: ReadonlySet<number>;
}

type Columns = readonly PaneColumn<JobView>[];

/** Columns of the jobs that run. */
export function runningColumns(context: JobContext): Columns {
  const { look, nowMs, gpus } = context;
  return [
    ...idColumns(context),
    { title: "USER", most: 10, drop: 4, text: ({ user }) => plain(user), by: ({ user }) => user },
    { title: "GPU", width: 5, drop: 3, text: (job) => gpuIndices(job.gpus, gpus) || "-" },
    { title: "TIME", width: 6, align: "right", text: (job) => shortSpan(nowMs - startOf(job)), by: startOf },
    {
      title: "PROGRESS",
      width: 10,
      grow: 1,
      draw: (job, columns) => progressBar(look, job, columns),
      by: ({ progress }) => progress?.fraction ?? -1,
    },
    { title: "JOB", width: 10, grow: 3, text: jobText, by: jobText },
  ];
}

/** Columns of the jobs that wait. */
export function queueColumns(context: JobContext): Columns {
  const { look, nowMs, startsMs } = context;
  return [
    ...idColumns(context),
    { title: "USER", most: 10, drop: 4, text: ({ user }) => plain(user), by: ({ user }) => user },
    {
      title: "PRIO",
      width: 4,
      align: "right",
      drop: 3,
      text: ({ priority }) => String(priority),
      role: ({ priority }) => (priority === 0 ? "dim" : priority > 0 ? "accent" : "plain"),
      by: ({ priority }) => -priority,
    },
    {
      title: "WAITS",
      width: 6,
      align: "right",
      text: (job) => shortSpan(nowMs - Date.parse(job.submittedAt)),
      by: (job) => Date.parse(job.submittedAt),
    },
    {
      title: "ETA",
      width: 6,
      align: "right",
      text: (job) => etaText(startsMs.get(job.id), nowMs),
      role: (job) => (startsMs.has(job.id) ? "good" : "dim"),
      by: (job) => startsMs.get(job.id) ?? Number.MAX_SAFE_INTEGER,
    },
    { title: "JOB", width: 10, grow: 2, drop: 5, text: jobText, by: jobText },
    {
      title: "REASON",
      width: 12,
      grow: 3,
      text: reasonText,
      draw: (job, columns) => drawReason(look, job, columns),
      by: ({ reason }) => reason?.code ?? "",
    },
  ];
}

/** Columns of the jobs that are over. */
export function finishedColumns(context: JobContext): Columns {
  const { nowMs } = context;
  return [
    ...idColumns(context),
    { title: "STATE", width: 9, text: ({ state }) => state, role: stateRole, by: ({ state }) => state },
    { title: "USER", most: 10, drop: 4, text: ({ user }) => plain(user), by: ({ user }) => user },
    { title: "EXIT", width: 4, align: "right", drop: 3, text: ({ exitCode }) => String(exitCode ?? "-") },
    { title: "RAN", width: 6, align: "right", text: ranText, by: ranMs },
    {
      title: "ENDED",
      width: 6,
      align: "right",
      text: ({ finishedAt }) => (finishedAt === null ? "-" : shortSpan(nowMs - Date.parse(finishedAt))),
      by: ({ finishedAt }) => -Date.parse(finishedAt ?? ""),
    },
    { title: "JOB", width: 10, grow: 2, text: jobText, by: jobText },
    {
      title: "REASON",
      width: 10,
      grow: 2,
      drop: 5,
      text: ({ reason }) => (reason === null ? "" : plain(reason.text || reason.code)),
      role: () => "dim",
    },
  ];
}

function idColumns({ look, marks }: JobContext): Columns {
  return [
    {
      title: "ID",
      width: 8,
      align: "right",
      text: ({ id }) => (marks.has(id) ? `${look.glyphs.mark}${id}` : String(id)),
      role: ({ id }) => (marks.has(id) ? "accent" : "bold"),
      by: ({ id }) => id,
    },
    {
      title: "RUNTIME",
      most: 14,
      drop: 1,
      text: ({ runtime }) => plain(runtime),
      by: ({ runtime }) => runtime,
    },
  ];
}

function reasonText({ reason }: JobView): string {
  return reason === null ? "" : plain(`${reason.code}: ${reason.text}`);
}

/** The code stands out, the sentence is there to be read. */
function drawReason(look: Look, job: JobView, columns: number): string {
  const code = plain(job.reason?.code ?? "");
  const text = look.fit(reasonText(job), columns);
  if (text.length <= code.length) return look.paint("warn", text);
  return (
    look.paint(job.state === "held" ? "dim" : "warn", text.slice(0, code.length)) +
    look.paint("dim", text.slice(code.length))
  );
}

/** What the job does, as its owner or its command says it. */
export function jobText({ label, summary, array }: JobView): string {
  return plain(`${label ?? summary}${array === null ? "" : ` [${array.index}]`}`);
}

/** The colour of a job's state. */
export function stateRole({ state }: Pick<JobView, "state">): Role {
  if (state === "running" || state === "succeeded") return "good";
  if (state === "failed") return "bad";
  return state === "held" || state === "cancelled" ? "dim" : "warn";
}

function progressBar(look: Look, job: JobView, columns: number): string {
  const { progress, state, reason } = job;
  if (state === "starting") return look.paint("warn", look.fit(plain(reason?.text ?? "starting"), columns));
  if (reason !== null) return look.paint("warn", look.fit(plain(reason.text), columns));
  if (progress === null) return look.paint("dim", look.fit(look.glyphs.dot.repeat(3), columns));
  const percent = `${Math.floor(progress.fraction * 100)}%`.padStart(4);
  const room = columns - percent.length - 1;
  const text =
    progress.text === null || room < 24 ? "" : ` ${look.cut(plain(progress.text), Math.floor(room / 2))}`;
  const parts = [{ value: progress.fraction, role: "good" as const, glyph: look.glyphs.used }];
  const bar = drawBar(look, parts, 1, Math.max(1, room - text.length));
  return `${bar} ${look.paint("good", percent)}${look.paint("dim", text)}`;
}

function startOf(job: JobView): number {
  return Date.parse(job.startedAt ?? job.submittedAt);
}

function etaText(atMs: number | undefined, nowMs: number): string {
  if (atMs === undefined) return "-";
  return atMs <= nowMs ? "now" : shortSpan(atMs - nowMs);
}

function ranMs({ startedAt, finishedAt }: JobView): number {
  return startedAt === null || finishedAt === null ? -1 : Date.parse(finishedAt) - Date.parse(startedAt);
}

function ranText(job: JobView): string {
  const ms = ranMs(job);
  if (ms < 0) return "-";
  return ms < 1000 ? `${Math.round(ms)}ms` : shortSpan(ms);
}
