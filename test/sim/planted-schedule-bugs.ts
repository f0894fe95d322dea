import type { PlantedBug } from "./planted-bugs.ts";

/** Mistakes that are easily made with jobs that come by cron lines. */
export const scheduleBugs: readonly PlantedBug[] = [
  {
    name: "nobody wakes up for the next fire",
    why: "it comes when something else happens",
    file: "schedules.ts",
    find: 'tx.state.deadlines.add({ atMs: nextAtMs, kind: "schedule", id: String(schedule.id) });',
    replace: "return;",
  },
  {
    name: "a restart does not look for fires that came due meanwhile",
    why: "the next one comes when something else happens",
    file: "schedules.ts",
    find: "for (const atMs of [0, schedule.nextAtMs])",
    replace: "for (const atMs of [] as number[])",
  },
  {
    name: "a fire is carried out whatever is on its way already",
    why: "a run of jobs is submitted while the one before is unfinished",
    file: "schedules.ts",
    find: "const live = schedule.overlap ? null : firstLive(tx.state, schedule.lastJobs);",
    replace: "const live = null as number | null;",
  },
  {
    name: "a fire that was carried out is not remembered",
    why: "all since the schedule was made are made up for, again and again",
    file: "schedules.ts",
    find: "schedule.doneMs = tx.nowMs;\n  setNext(",
    replace: "setNext(",
  },
  {
    name: "a schedule that goes on makes up for its pause",
    why: "nobody asked for these runs",
    file: "schedules.ts",
    find: "    schedule.doneMs = tx.nowMs;\n    planNext(tx, schedule);\n  }\n  const text",
    replace: "    planNext(tx, schedule);\n  }\n  const text",
  },
  {
    name: "a paused schedule fires",
    why: "it was to stop",
    file: "schedules.ts",
    find: "  schedule.nextAtMs = null;\n  tx.changes.schedules.add(schedule);\n  if (!paused) {",
    replace: "  tx.changes.schedules.add(schedule);\n  if (!paused) {",
  },
  {
    name: "a removed schedule is back after a restart",
    why: "its jobs come for ever",
    file: "schedules.ts",
    find: "tx.changes.schedulesRemoved.push({ id: schedule.id, atMs: tx.nowMs });",
    replace: "",
  },
  {
    name: "runs that make up for missed ones all go at once",
    why: "they were to come one after the other",
    file: "schedules.ts",
    find: "if (!schedule.overlap) before = reply.ids;",
    replace: "",
  },
  {
    name: "a fire that comes to nothing keeps the next ones from coming",
    why: "a runtime that was gone for a moment ends its schedule",
    file: "schedules.ts",
    find: "  setNext(tx, schedule, due.nextAtMs);\n",
    replace: "  if (request.error === null) setNext(tx, schedule, due.nextAtMs);\n",
  },
];
