import type { z } from "zod";
import type { Caller } from "../protocol/operation.ts";
import { Scheduled, type ScheduleView } from "../protocol/timetable.ts";
import { describeLine } from "../scheduler/describe-line.ts";
import type { Schedule } from "../scheduler/timetable.ts";
import { must } from "../std/assert.ts";
import { Failure } from "../std/failure.ts";
import { suggest } from "../std/suggest.ts";
import type { Context } from "./context.ts";
import { toTimestamp, toTimestampOrNull } from "./job-view.ts";
import { shorten } from "./new-job.ts";
import { refuseStranger } from "./rights.ts";

/** A schedule as callers see it. */
export function viewSchedule(ctx: Context, schedule: Schedule): z.input<typeof ScheduleView> {
  const { id, name, line, timeZone, missed, overlap, paused, lastJobs, user } = schedule;
  const isReadable = ctx.mayRead(schedule);
  const lastError = isReadable ? schedule.lastError : null;
  const last = lastJobs === null ? undefined : ctx.queries.job(lastJobs.lastId);
  return {
    ...{ id, name, line, timeZone, missed, overlap, paused, lastError, user },
    description: describeLine(line),
    next: toTimestampOrNull(schedule.nextAtMs),
    lastJob: last === undefined ? null : { id: last.id, state: last.state },
    summary: isReadable ? summaryOf(scheduledOf(schedule)) : "",
    createdAt: toTimestamp(schedule.createdAtMs),
  };
}

/** A schedule as callers see it, by its id. */
export function viewScheduleById(ctx: Context, id: number | undefined): z.input<typeof ScheduleView> {
  const known = id === undefined ? undefined : ctx.state().schedules.get(id);
  return viewSchedule(ctx, must(known, "a request about a schedule answers with its id"));
}

/** By number or name. @throws Failure schedule/unknown */
export function findSchedule(ctx: Context, asked: string): Schedule {
  const { schedules } = ctx.state();
  const byId = /^\d+$/.test(asked) ? schedules.get(Number(asked)) : undefined;
  const found = byId ?? [...schedules.values()].find(({ name }) => name === asked);
  if (found) return found;
  const near = suggest(
    asked,
    [...schedules.values()].map(({ name }) => name),
  );
  throw new Failure("schedule/unknown", `there is no schedule "${asked}"`, {
    why: near === undefined ? undefined : `did you mean ${near}?`,
    hint: "orch schedule ls",
  });
}

/** As `findSchedule`, for a change: its owner's, the daemon's user's and root's alone. @throws Failure permission/denied */
export function findOwnSchedule(ctx: Context, asked: string, caller: Caller): Schedule {
  const schedule = findSchedule(ctx, asked);
  refuseStranger(ctx.host.uid, { ...schedule, what: `schedule ${schedule.name}` }, caller);
  return schedule;
}

/** What the schedule submits. @throws Failure usage/invalid if this orch does not understand it any more */
export function scheduledOf({ name, submission }: Schedule): Scheduled {
  const parsed = Scheduled.safeParse(JSON.parse(submission));
  if (parsed.success) return parsed.data;
  throw new Failure("usage/invalid", `what schedule ${name} submits is not valid any more`, {
    why: parsed.error.issues[0]?.message,
    hint: `orch schedule rm ${name}, and add it anew`,
  });
}

function summaryOf(scheduled: Scheduled): string {
  if (scheduled.verb === "run") return shorten(scheduled.submission.command.join(" "));
  const { runtime, params } = scheduled.submission;
  const given = Object.entries(params).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return shorten([runtime, ...given].join(" "));
}
