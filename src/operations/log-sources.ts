import type { Mask } from "../log/mask.ts";
import type { LogLine } from "../protocol/log-views.ts";
import { Failure } from "../std/failure.ts";
import type { JobRow } from "../store/queries.ts";
import type { Context } from "./context.ts";
import { correlationOf } from "./correlation.ts";
import { findJob } from "./job-view.ts";

/** Something that writes a log. */
export interface LogSource {
  /** Names it in cursors. */
  readonly key: string;
  readonly file: string;
  readonly mask: Mask;
  readonly about: Pick<LogLine, "source" | "job" | "attempt" | "worker" | "correlation">;
  /** Nothing more will be written to this log. */
  isOver(): boolean;
  /** The log that goes on where this one ended: the next attempt's, if there is one by now. */
  next(): LogSource | null;
}

/**
 * What a job wrote in its current or last attempt and those that follow, or in one attempt alone.
 * @throws Failure job/unknown, usage/invalid
 */
export function jobSource(ctx: Context, jobId: number, attempt?: number): LogSource {
  const row = findJob(ctx, jobId);
  const wanted = attempt ?? Math.max(1, row.attempts);
  if (wanted > Math.max(1, row.attempts)) {
    throw new Failure("usage/invalid", `job ${jobId} has no attempt ${wanted}`, {
      why: row.attempts === 1 ? "it has had one" : `it has had ${row.attempts}`,
      hint: `orch show ${jobId}`,
    });
  }
  const source = attemptSource(ctx, row, wanted);
  return attempt === undefined ? source : Object.assign(source, { next: () => null });
}

function attemptSource(ctx: Context, row: JobRow, attempt: number): LogSource {
  const now = (): JobRow => ctx.queries.job(row.id) ?? row;
  const correlation = correlationOf(ctx, row);
  let worker: string | null = null;
  return {
    key: `${row.id}.${attempt}`,
    file: ctx.places.attemptLog(row.id, attempt),
    mask: ctx.masks.ofJob(row),
    get about(): LogSource["about"] {
      // A job that is followed from before its start gets its worker later.
      worker ??= ctx.queries.attempts(row.id).find((each) => each.attempt === attempt)?.worker ?? null;
      return { source: "job", job: row.id, attempt, worker, correlation };
    },
    isOver() {
      const { finishedAtMs, attempts } = now();
      return finishedAtMs !== null || attempts > attempt;
    },
    next: () => (now().attempts > attempt ? attemptSource(ctx, now(), attempt + 1) : null),
  };
}

/** What a worker wrote, given by its name or as w7 or 7. @throws Failure worker/unknown, usage/invalid */
export function workerSource(ctx: Context, asked: string): LogSource {
  const row =
    ctx.queries.workerByName(asked) ?? ctx.queries.worker(Number(/^w?(\d{1,15})$/.exec(asked)?.[1] ?? -1));
  if (row === undefined)
    throw new Failure("worker/unknown", `there is no worker "${asked}"`, { hint: "orch workers ls --all" });
  if (row.runtime === "run" || ctx.state().lanes.get(row.lane)?.spec.residency === "one-shot") {
    throw new Failure("usage/invalid", `worker ${row.name} has no log of its own`, {
      why: "it ran one job, and what it wrote is the job's log",
      hint: "orch logs JOB",
    });
  }
  return {
    key: `w${row.id}`,
    file: ctx.places.workerLog(row.id),
    mask: ctx.masks.ofRuntime(row.runtime),
    about: { source: "worker", job: null, attempt: null, worker: row.name, correlation: null },
    isOver: () => ctx.queries.worker(row.id)?.goneAtMs !== null,
    next: () => null,
  };
}

/** What the daemon wrote: it goes on as long as there is one. */
export function daemonSource(ctx: Context): LogSource {
  return {
    key: "daemon",
    file: ctx.places.daemonLog,
    mask: ctx.masks.ofAll(),
    about: { source: "daemon", job: null, attempt: null, worker: null, correlation: null },
    isOver: () => false,
    next: () => null,
  };
}

/** How far a reader was in a log. */
export interface Cursor {
  readonly key: string;
  readonly offset: number;
}

/** Reads cursors as `logs` gives them out. @throws Failure usage/invalid */
export function parseCursors(texts: readonly string[]): Cursor[] {
  return texts.map((text) => {
    const match = /^(\d{1,15}\.\d{1,9}|w\d{1,15}|daemon)@(\d{1,15})$/.exec(text);
    if (match !== null) return { key: match[1] ?? "", offset: Number(match[2]) };
    throw new Failure("usage/invalid", `"${text}" is not a cursor`, {
      hint: "give the `cursor` of a line of an earlier stream",
    });
  });
}

/** The source with the attempt that its cursor is of, and the offset; as it was when there is no cursor for it. */
export function resumeAt(
  ctx: Context,
  source: LogSource,
  cursors: readonly Cursor[],
): { readonly source: LogSource; readonly offset: number | null } {
  const [name = ""] = source.key.split(".");
  const cursor = cursors.find(({ key }) => key.split(".")[0] === name);
  if (cursor === undefined) return { source, offset: null };
  const { job } = source.about;
  const attempt = Number(cursor.key.split(".")[1] ?? 1);
  const found = job === null ? source : attemptSource(ctx, findJob(ctx, job), attempt);
  return { source: found, offset: cursor.offset };
}
