import { unreachable } from "../std/assert.ts";
import { Failure } from "../std/failure.ts";
import type { Dependency, Reply } from "./events.ts";
import { decideDueRuns, isAhead } from "./missed-runs.ts";
import type { State } from "./model.ts";
import { nextFireMs, parseRecurrence, type Recurrence } from "./recurrence.ts";
import { refuse } from "./refusals.ts";
import { submit } from "./submit.ts";
import type { JobRange, Schedule, ScheduleRequest } from "./timetable.ts";
import { log, type Transition } from "./transition.ts";

type RequestOf<T extends ScheduleRequest["type"]> = Extract<ScheduleRequest, { type: T }>;

/** A fire that the daemon did not carry out within this is handed out once more. */
const FIRE_AGAIN_MS = 60_000;

/** Applies what was asked about a schedule. */
export function applyScheduleRequest(tx: Transition, request: ScheduleRequest): Reply {
  if (request.type === "add-schedule") return addSchedule(tx, request);
  const schedule = tx.state.schedules.get(request.scheduleId);
  if (schedule === undefined)
    return refuse("schedule/unknown", `there is no schedule ${request.scheduleId}`, "orch schedule ls");
  switch (request.type) {
    case "pause-schedule":
      return pauseSchedule(tx, schedule, request.paused);
    case "remove-schedule":
      return removeSchedule(tx, schedule);
    case "fire-schedule":
      return request.plannedMs === null
        ? runNow(tx, schedule, request)
        : fire(tx, schedule, request, request.plannedMs);
    default:
      return unreachable(request);
  }
}

function addSchedule(tx: Transition, { schedule: asked }: RequestOf<"add-schedule">): Reply {
  const { state, nowMs } = tx;
  for (const { name } of state.schedules.values()) {
    if (name !== asked.name) continue;
    return refuse("schedule/exists", `there is a schedule "${name}" already`, "choose another --name");
  }
  const schedule: Schedule = {
    ...asked,
    id: state.nextScheduleId++,
    createdAtMs: nowMs,
    paused: false,
    nextAtMs: null,
    doneMs: nowMs,
    lastJobs: null,
    lastError: null,
    firingUntilMs: 0,
  };
  state.schedules.set(schedule.id, schedule);
  planNext(tx, schedule);
  log(tx, "schedule-added", `schedule ${schedule.name} (${schedule.line}) is made`);
  return { ok: true, ids: [schedule.id] };
}

function pauseSchedule(tx: Transition, schedule: Schedule, paused: boolean): Reply {
  if (schedule.paused === paused) return { ok: true, ids: [schedule.id] };
  schedule.paused = paused;
  schedule.nextAtMs = null;
  tx.changes.schedules.add(schedule);
  if (!paused) {
    schedule.doneMs = tx.nowMs;
    planNext(tx, schedule);
  }
  const text = `schedule ${schedule.name} is ${paused ? "paused" : "resumed"}`;
  log(tx, paused ? "schedule-paused" : "schedule-resumed", text);
  return { ok: true, ids: [schedule.id] };
}

function removeSchedule(tx: Transition, schedule: Schedule): Reply {
  tx.state.schedules.delete(schedule.id);
  tx.changes.schedules.delete(schedule);
  tx.changes.schedulesRemoved.push({ id: schedule.id, atMs: tx.nowMs });
  log(tx, "schedule-removed", `schedule ${schedule.name} is removed`);
  return { ok: true, ids: [schedule.id] };
}

/** Has the daemon fire a schedule that is due. A fire that was planned by a clock that was wrong is planned anew. */
export function applyScheduleDue(tx: Transition, id: number): void {
  const schedule = tx.state.schedules.get(id);
  if (schedule === undefined || schedule.nextAtMs === null || tx.state.stopping) return;
  if (isWrong(tx, schedule)) {
    schedule.doneMs = tx.nowMs;
    planNext(tx, schedule);
  } else if (schedule.nextAtMs <= tx.nowMs && schedule.firingUntilMs <= tx.nowMs) {
    schedule.firingUntilMs = tx.nowMs + FIRE_AGAIN_MS;
    tx.state.deadlines.add({ atMs: schedule.firingUntilMs, kind: "schedule", id: String(id) });
    tx.fires.push({ scheduleId: id, plannedMs: schedule.nextAtMs });
  }
}

/** Whether its next fire was planned by a clock that was set back since. */
function isWrong(tx: Transition, schedule: Schedule): boolean {
  if (schedule.doneMs <= tx.nowMs) return false;
  const recurrence = readRecurrence(tx, schedule);
  return recurrence !== null && isAhead(recurrence, schedule.doneMs, tx.nowMs);
}

/** Makes sure that a restored schedule is looked at when it is due, and once at the first step. */
export function watchSchedule(state: State, schedule: Schedule): void {
  if (schedule.nextAtMs === null) return;
  for (const atMs of [0, schedule.nextAtMs])
    state.deadlines.add({ atMs, kind: "schedule", id: String(schedule.id) });
}

function fire(
  tx: Transition,
  schedule: Schedule,
  request: RequestOf<"fire-schedule">,
  plannedMs: number,
): Reply {
  if (schedule.nextAtMs !== plannedMs || plannedMs > tx.nowMs) return { ok: true, ids: [] };
  const recurrence = readRecurrence(tx, schedule);
  if (recurrence === null) return { ok: true, ids: [] };
  const due = decideDueRuns(recurrence, schedule.missed, schedule.doneMs, tx.nowMs);
  schedule.firingUntilMs = 0;
  schedule.doneMs = tx.nowMs;
  setNext(tx, schedule, due.nextAtMs);
  if (due.note !== null) log(tx, "schedule-missed", `schedule ${schedule.name}: ${due.note}`);
  if (due.fireAtMs.length === 0) return { ok: true, ids: [] };
  if (request.error !== null) return fail(tx, schedule, request.error);
  const live = schedule.overlap ? null : firstLive(tx.state, schedule.lastJobs);
  if (live !== null) {
    const text = `schedule ${schedule.name} skips a run: job ${live} of the last one is not finished`;
    log(tx, "schedule-skipped", text);
    return { ok: true, ids: [] };
  }
  return submitRuns(tx, schedule, request, due.fireAtMs.length);
}

/**
 * One submission for each run. Those that make up for missed ones go one after the other, unless they may overlap: each
 * job waits for the one of its place in the run before.
 */
function submitRuns(
  tx: Transition,
  schedule: Schedule,
  { jobs, array }: RequestOf<"fire-schedule">,
  runs: number,
): Reply {
  const ids: number[] = [];
  let before: readonly number[] = [];
  for (let run = 0; run < runs; run++) {
    const chained = jobs.map((job, index) => ({ ...job, after: [...job.after, ...waitFor(before[index])] }));
    const reply = submit(tx, { type: "submit", jobs: chained, array }, schedule.id);
    if (!reply.ok) return fail(tx, schedule, reply.message);
    ids.push(...reply.ids);
    note(tx, schedule, ids);
    if (!schedule.overlap) before = reply.ids;
  }
  log(tx, "schedule-fired", `schedule ${schedule.name} submitted ${jobsText(ids)}`);
  return { ok: true, ids };
}

function waitFor(jobId: number | undefined): Dependency[] {
  return jobId === undefined ? [] : [{ jobId, condition: "any", outcome: "live" }];
}

/** The timetable stays as it is; a refusal is for whoever asked. */
function runNow(tx: Transition, schedule: Schedule, request: RequestOf<"fire-schedule">): Reply {
  const reply = submit(tx, { type: "submit", jobs: request.jobs, array: request.array }, schedule.id);
  if (!reply.ok) return reply;
  note(tx, schedule, reply.ids);
  log(tx, "schedule-fired", `schedule ${schedule.name} submitted ${jobsText(reply.ids)}, as it was asked to`);
  return reply;
}

function note(tx: Transition, schedule: Schedule, ids: readonly number[]): void {
  schedule.lastJobs = { firstId: ids[0] ?? 0, lastId: ids.at(-1) ?? 0 };
  schedule.lastError = null;
  tx.changes.schedules.add(schedule);
}

/** A fire that comes to nothing is noted; the next one goes on. */
function fail(tx: Transition, schedule: Schedule, error: string): Reply {
  schedule.lastError = error;
  tx.changes.schedules.add(schedule);
  log(tx, "schedule-failed", `schedule ${schedule.name} could not submit its job: ${error}`);
  return { ok: true, ids: [] };
}

function jobsText(ids: readonly number[]): string {
  return ids.length === 1 ? `job ${ids[0]}` : `jobs ${ids[0]} to ${ids.at(-1)}`;
}

function firstLive(state: State, jobs: JobRange | null): number | null {
  if (jobs === null) return null;
  for (let id = jobs.firstId; id <= jobs.lastId; id++) if (state.jobs.has(id)) return id;
  return null;
}

function planNext(tx: Transition, schedule: Schedule): void {
  const recurrence = readRecurrence(tx, schedule);
  if (recurrence !== null) setNext(tx, schedule, nextFireMs(recurrence, tx.nowMs));
}

function setNext(tx: Transition, schedule: Schedule, nextAtMs: number | null): void {
  schedule.nextAtMs = nextAtMs;
  tx.changes.schedules.add(schedule);
  if (nextAtMs !== null)
    tx.state.deadlines.add({ atMs: nextAtMs, kind: "schedule", id: String(schedule.id) });
}

/** It was valid when the schedule was made; but a time zone may since have gone from the host. */
function readRecurrence(tx: Transition, schedule: Schedule): Recurrence | null {
  try {
    return parseRecurrence(schedule.line, schedule.timeZone, schedule.timeZone);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    setNext(tx, schedule, null);
    fail(tx, schedule, error.message);
    return null;
  }
}
