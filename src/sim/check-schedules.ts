import type { Event } from "../scheduler/events.ts";
import { maxMissedRuns, onTimeMs } from "../scheduler/missed-runs.ts";
import type { JobRange } from "../scheduler/timetable.ts";
import type { ScheduleRow } from "../scheduler/timetable-rows.ts";
import { assert } from "../std/assert.ts";
import type { Committed } from "./check-transition.ts";
import { periodMsOf, readSubmission } from "./schedule-keepers.ts";

type FireEvent = Extract<Event, { type: "fire-schedule" }>;

/** A schedule as the checks remember it. */
export interface KnownSchedule {
  /** Up to when its fires were dealt with. */
  doneMs: number;
  /** Jobs of its last fires that go one after the other: by id, which place each has in its run. */
  readonly places: Map<number, number>;
}

/**
 * Checks that each fire of a schedule leads to as many runs as its policy says, once; that none comes of one that is paused or
 * whose last jobs are unfinished; that made-up runs follow each other; and that somebody is told of what is due.
 * @throws AssertionFailed naming the schedule.
 */
export function checkSchedules(committed: Committed): void {
  const { events, before, state } = committed;
  if (before.schedules.size + state.schedules.size === 0) return;
  for (const [index, event] of events.entries()) noteEvent(committed, event, index);
  checkOrderOfRuns(committed);
  for (const schedule of state.schedules.values()) checkNext(committed, schedule);
  followClock(committed);
}

function noteEvent(committed: Committed, event: Event, index: number): void {
  const { before, memory, step, nowMs } = committed;
  const reply = step.replies[index];
  if (reply?.ok !== true) return;
  if (event.type === "add-schedule")
    for (const id of reply.ids) memory.schedules.set(id, { doneMs: nowMs, places: new Map() });
  else if (event.type === "pause-schedule") {
    const known = memory.schedules.get(event.scheduleId);
    if (known && !event.paused && before.schedules.get(event.scheduleId)?.paused !== false)
      known.doneMs = nowMs;
  } else if (event.type === "fire-schedule") checkFire(committed, event, reply.ids);
}

function checkFire(committed: Committed, event: FireEvent, ids: readonly number[]): void {
  const { before, events, memory, nowMs } = committed;
  const row = before.schedules.get(event.scheduleId);
  const known = memory.schedules.get(event.scheduleId);
  if (row === undefined || known === undefined) return;
  // A job that a person asked for counts as the last one, whatever runs of an earlier fire.
  if (event.plannedMs === null) return known.places.clear();
  const isAlone = events.every((each) => each === event || !isAbout(each, row.id));
  if (isAlone) checkRuns(committed, row, known, event, ids);
  if (row.nextAtMs === event.plannedMs && event.plannedMs <= nowMs) known.doneMs = nowMs;
  if (row.overlap || ids.length === 0) return;
  known.places.clear();
  for (const [at, id] of ids.entries()) known.places.set(id, at % readSubmission(row.submission).jobs);
}

function isAbout(event: Event, scheduleId: number): boolean {
  return "scheduleId" in event && event.scheduleId === scheduleId;
}

function checkRuns(
  { before, state, step, nowMs }: Committed,
  row: ScheduleRow,
  { doneMs }: KnownSchedule,
  { plannedMs, error }: FireEvent,
  ids: readonly number[],
): void {
  const runs = ids.length / readSubmission(row.submission).jobs;
  const text = `schedule ${row.name} (${row.missed}) submits ${runs} runs`;
  assert(runs === 0 || (!row.paused && row.nextAtMs === plannedMs), `${text} of what is not due`);
  assert(runs === 0 || error === null, `${text} of jobs that could not be made`);
  const isUnfinished = !row.overlap && hasLive(before.liveJobs, row.lastJobs);
  // Before or after the fire, in the same step: either may be right.
  if (isUnfinished && step.changes.ended.some(({ job }) => isAmong(job.id, row.lastJobs))) return;
  assert(runs === 0 || !isUnfinished, `${text} though jobs of the last one are unfinished`);
  if (row.paused || row.nextAtMs !== plannedMs || isUnfinished || error !== null) return;
  if (state.schedules.get(row.id)?.lastError !== null) return;
  const expected = runsOf(row, doneMs, nowMs);
  assert(runs === expected, `${text} in place of ${expected}`);
}

function hasLive(liveJobs: ReadonlySet<number>, jobs: JobRange | null): boolean {
  for (let id = jobs?.firstId ?? 0; id <= (jobs?.lastId ?? -1); id++) if (liveJobs.has(id)) return true;
  return false;
}

function isAmong(id: number, jobs: JobRange | null): boolean {
  return jobs !== null && id >= jobs.firstId && id <= jobs.lastId;
}

/** How many runs the policy gives to the fires in (doneMs, nowMs]. */
function runsOf({ line, missed }: ScheduleRow, doneMs: number, nowMs: number): number {
  const periodMs = periodMsOf(line);
  const newest = Math.floor(nowMs / periodMs);
  const due = Math.max(0, newest - Math.floor(doneMs / periodMs));
  if (missed === "all") return Math.min(due, maxMissedRuns);
  if (missed === "once") return Math.min(due, 1);
  return due > 0 && nowMs - newest * periodMs <= onTimeMs ? 1 : 0;
}

/** Runs that make up for missed ones go one after the other: each job after the one of its place in the run before. */
function checkOrderOfRuns({ memory, state, step }: Committed): void {
  for (const { jobId } of step.changes.attemptsStarted) {
    for (const { places } of memory.schedules.values()) {
      const place = places.get(jobId);
      if (place === undefined) continue;
      // One of them that somebody cancels lets the next go, whatever is before it.
      const before = [...places].filter(([id, other]) => id < jobId && other === place).at(-1)?.[0];
      assert(
        before === undefined || !state.jobs.has(before),
        `job ${jobId} of a schedule starts before job ${before} of the run before is over`,
      );
    }
  }
}

function checkNext(
  { state, step, nowMs }: Committed,
  schedule: ScheduleRow & { firingUntilMs: number },
): void {
  const { name, nextAtMs, paused, line, firingUntilMs } = schedule;
  assert(paused === (nextAtMs === null), `schedule ${name} is paused and fires, or neither`);
  if (nextAtMs === null || state.stopping) return;
  assert(nextAtMs > nowMs || firingUntilMs > nowMs, `schedule ${name} is due, and nobody is told`);
  // One fire that would come a second time after the clock was set back is left out.
  assert(nextAtMs <= nowMs + 2 * periodMsOf(line), `schedule ${name} leaves fires out`);
  const { wakeAtMs = Number.POSITIVE_INFINITY } = step;
  assert(wakeAtMs <= Math.max(nextAtMs, firingUntilMs), `nobody wakes up for schedule ${name}`);
}

/** A clock that was set back: what is ahead of it by more than a fire is planned anew. */
function followClock({ memory, step, nowMs }: Committed): void {
  for (const { id, doneMs } of step.changes.schedules) {
    const known = memory.schedules.get(id);
    if (known && known.doneMs > nowMs && doneMs === nowMs) known.doneMs = nowMs;
  }
}
