import type { ScheduleView } from "../../protocol/timetable.ts";
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
    { title: "ID", value: ({ id }) => id, align: "right" },
    { title: "NAME", value: ({ name }) => name },
    { title: "FIRES", value: lineText },
    { title: "ZONE", value: ({ timeZone }) => timeZone },
    { title: "NEXT", value: (schedule) => nextText(schedule, nowMs) },
    { title: "AT", value: ({ next }) => next?.replace(".000Z", "Z") ?? null },
    {
      title: "LAST JOB",
      value: ({ lastJob, lastError }) => (lastError === null ? lastJobText(lastJob) : "failed to submit"),
      colour: ({ lastJob, lastError }) => (lastError === null ? stateColour(lastJob?.state ?? "") : "red"),
    },
    { title: "USER", value: ({ user }) => user },
    { title: "SUBMITS", value: ({ summary }) => summary },
  ];
}

/** All of a schedule, line by line. */
export function scheduleFields(
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
