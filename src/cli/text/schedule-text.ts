import { jobStates } from "../../protocol/list-fields.ts";
import type { ScheduleView } from "../../protocol/timetable.ts";
import type { FieldsOf } from "../../std/filter/fields.ts";
import { formatWhen } from "../../std/format-when.ts";
import { stateColour } from "./job-text.ts";
import type { Column } from "./table.ts";

/** "schedule nightly (3) fires every day at 03:00 (Europe/Berlin); next tomorrow 03:00" */
export function scheduleSentence(schedule: ScheduleView, nowMs: number): string {
  const { id, name, timeZone } = schedule;
  const head = `schedule ${name} (${id}) fires ${lineText(schedule)} (${timeZone})`;
  return `${head}; ${schedule.next === null ? nextText(schedule, nowMs) : `next ${nextText(schedule, nowMs)}`}`;
}

/** Columns of a list of schedules. */
export function scheduleColumns(nowMs: number): Column<ScheduleView>[] {
  return [
    { title: "ID", value: ({ id }) => id, align: "right", rank: 4 },
    { title: "NAME", value: ({ name }) => name, shrinks: true, rank: 9 },
    { title: "FIRES", value: lineText, shrinks: true, rank: 6 },
    { title: "ZONE", value: ({ timeZone }) => timeZone, shrinks: true, rank: 1 },
    { title: "NEXT", value: (schedule) => nextText(schedule, nowMs), shrinks: true, rank: 8 },
    { title: "AT", value: ({ next }) => next?.replace(".000Z", "Z") ?? null },
    {
      title: "LAST JOB",
      value: ({ lastJob, lastError }) => (lastError === null ? lastJobText(lastJob) : "failed to submit"),
      colour: ({ lastJob, lastError }) => (lastError === null ? stateColour(lastJob?.state ?? "") : "red"),
      rank: 7,
    },
    { title: "USER", value: ({ user }) => user, shrinks: true, rank: 3 },
    { title: "SUBMITS", value: ({ summary }) => summary, shrinks: true, rank: 5 },
  ];
}

/** What schedules are filtered and sorted by. */
export const scheduleFields: FieldsOf<ScheduleView> = {
  id: "number",
  name: "text",
  line: "text",
  timeZone: "text",
  description: "text",
  missed: ["skip", "once", "all"],
  overlap: "flag",
  paused: "flag",
  next: "time",
  "lastJob.id": "number",
  "lastJob.state": jobStates,
  lastError: "text",
  summary: "text",
  user: "text",
  createdAt: "time",
};

/** All of a schedule, line by line. */
export function scheduleLines(
  schedule: ScheduleView,
  nowMs: number,
): (readonly [string, string | number | null])[] {
  const missed = { skip: "skipped", once: "one run makes up for all", all: "each is made up for" };
  return [
    ["schedule", schedule.id],
    ["name", schedule.name],
    ["line", schedule.line],
    ["fires", schedule.description],
    ["time zone", schedule.timeZone],
    [
      "next",
      schedule.next === null ? nextText(schedule, nowMs) : `${nextText(schedule, nowMs)} (${schedule.next})`,
    ],
    ["missed fires", missed[schedule.missed]],
    ["while the last job runs", schedule.overlap ? "it fires as well" : "the fire is skipped"],
    ["last job", lastJobText(schedule.lastJob)],
    ["last error", schedule.lastError],
    ["user", schedule.user],
    ["made", schedule.createdAt],
  ];
}

function lineText({ description, line }: ScheduleView): string {
  return description ?? line;
}

function lastJobText(job: ScheduleView["lastJob"]): string | null {
  return job === null ? null : `${job.id} ${job.state}`;
}

function nextText({ next, paused, timeZone }: ScheduleView, nowMs: number): string {
  if (next !== null) return formatWhen(Date.parse(next), nowMs, timeZone);
  return paused ? "it is paused" : "it never fires again";
}
