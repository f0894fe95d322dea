import type { Dependency, Event, NewJob, SeenGpu } from "../scheduler/events.ts";
import type { State } from "../scheduler/model.ts";
import type { Step } from "../scheduler/step.ts";
import { checkEvictions } from "./check-evictions.ts";
import { checkGrants } from "./check-grants.ts";
import { checkJobs } from "./check-jobs.ts";
import { checkLoans } from "./check-loans.ts";
import { checkOrder } from "./check-order.ts";
import { checkQuarantine, rememberSickEnds, rememberSickness, type SickGpus } from "./check-quarantine.ts";
import { checkQuotas } from "./check-quotas.ts";
import { checkSchedules, type KnownSchedule } from "./check-schedules.ts";
import { checkDues, checkTurns } from "./check-turns.ts";
import { checkWorkers } from "./check-workers.ts";
import type { Mirror } from "./mirror.ts";
import type { VirtualHost } from "./virtual-host.ts";

/** What the checks remember of earlier steps, apart from the database. */
export interface Memory extends SickGpus {
  /** The last reading of each GPU that this daemon was given. */
  readonly seen: Map<string, SeenGpu>;
  /** Lanes of which this daemon was told that what they need is made. */
  readonly prepared: Set<string>;
  /** Jobs that may end as cancelled, and those that must not run again. */
  readonly mayCancel: Set<number>;
  readonly mustCancel: Set<number>;
  /** Lanes for which a person asked for a worker, and by lane the last worker made for that. */
  readonly summonedLanes: Set<string>;
  readonly summonedWorkers: Map<string, number>;
  /** What each job waits for, as it was asked for. */
  readonly conditions: Map<number, Dependency[]>;
  /** Lanes that wait, since when, until when they are due, and how many lanes that leaves room for. */
  readonly waits: Map<
    string,
    { readonly servedAtMs: number; readonly dueMs: number; readonly lanes: number }
  >;
  readonly schedules: Map<number, KnownSchedule>;
  /** The latest time that any daemon's clock has shown. */
  latestMs: number;
}

/** A step about to be committed: the database is as it was before, the state as it is after. */
export interface Committed {
  readonly before: Mirror;
  readonly state: State;
  readonly events: readonly Event[];
  readonly step: Step;
  readonly host: Pick<VirtualHost, "programs" | "live" | "runs">;
  readonly memory: Memory;
  readonly nowMs: number;
}

/** The memory of checks that have seen nothing yet. */
export function createMemory(): Memory {
  return {
    seen: new Map(),
    prepared: new Set(),
    mayCancel: new Set(),
    mustCancel: new Set(),
    summonedLanes: new Set(),
    summonedWorkers: new Map(),
    conditions: new Map(),
    waits: new Map(),
    schedules: new Map(),
    sick: new Set(),
    exited: new Set(),
    stuckStarts: new Map(),
    quarantined: new Set(),
    sickEnds: new Map(),
    latestMs: 0,
  };
}

/** Forgets what a daemon forgets when it dies. */
export function forget(memory: Memory): void {
  memory.seen.clear();
  memory.prepared.clear();
  memory.waits.clear();
  memory.summonedLanes.clear();
  memory.summonedWorkers.clear();
}

/**
 * Checks one step as a whole. It is called before the step's changes reach the database.
 * @throws AssertionFailed naming what is wrong.
 */
export function checkTransition(committed: Committed): void {
  rememberEvents(committed);
  rememberSickEnds(committed.memory, committed.before, committed.state, committed.step);
  checkJobs(committed);
  checkWorkers(committed);
  checkGrants(committed);
  checkQuarantine(committed.memory, committed.state, committed.events, committed.step);
  checkEvictions(committed);
  checkOrder(committed.state, committed.step.changes, committed.nowMs);
  checkQuotas(committed);
  checkLoans(committed);
  checkSchedules(committed);
  checkTurns(committed);
  checkDues(committed);
  forgetSummons(committed);
}

/** Only takes note of a step that was checked before: what later checks have to know of it. */
export function rememberEvents(committed: Committed): void {
  const { events, memory, nowMs } = committed;
  memory.latestMs = Math.max(memory.latestMs, nowMs);
  for (const [index, event] of events.entries()) remember(committed, event, index);
}

/** A summons is dropped when a start fails; what is made for the lane after that is made for its jobs. */
function forgetSummons({ memory, state, step }: Committed): void {
  // Of a worker that ran out of memory while it loaded, another one is tried.
  for (const { worker } of step.changes.workersGone)
    if (worker.lane.summons !== null) memory.summonedLanes.add(worker.lane.spec.key);
  for (const key of memory.summonedLanes)
    if (state.lanes.get(key)?.summons === null) memory.summonedLanes.delete(key);
}

function remember({ before, step, memory }: Committed, event: Event, index: number): void {
  const reply = step.replies[index];
  const isGranted = reply?.ok === true;
  rememberSickness(memory, before, event, isGranted);
  switch (event.type) {
    case "gpus-seen":
      memory.seen.clear();
      for (const gpu of event.gpus) memory.seen.set(gpu.uuid, gpu);
      return;
    case "lane-prepared":
      memory.prepared.add(event.laneKey);
      return;
    case "worker-start-failed":
      if (event.cause === "unprepared") forgetPrepared(before, memory, event.workerId);
      return;
    case "submit":
      if (isGranted) rememberConditions(memory, event.jobs, reply.ids);
      return;
    case "cancel":
      if (!isGranted) return;
      memory.mayCancel.add(event.jobId);
      memory.mustCancel.add(event.jobId);
      return;
    case "stop-worker":
      if (isGranted) for (const id of jobsOf(before, event.workerId)) memory.mayCancel.add(id);
      return;
    case "shut-down":
      if (event.mode === "kill") for (const id of before.jobs.keys()) memory.mayCancel.add(id);
      return;
    case "start-worker":
      if (isGranted && reply.ids.length === 0) memory.summonedLanes.add(event.lane.key);
      return;
    case "wake-worker":
      if (isGranted) rememberWish(before, step, memory, event.workerId);
      return;
    case "worker-sleep-failed":
    case "worker-exited":
      return rememberSummons(before, memory, event.workerId);
    default:
      return;
  }
}

function forgetPrepared(before: Mirror, memory: Memory, workerId: number): void {
  const row = before.workers.get(workerId);
  if (row !== undefined && row.gone === null) memory.prepared.delete(row.live.laneKey);
}

/** A person who has a worker woken asks for one of its lane, unless it was awake already. */
function rememberWish(before: Mirror, { changes }: Step, { summonedLanes }: Memory, workerId: number): void {
  const live = before.workers.get(workerId)?.live;
  const isSummons = changes.log.some(
    ({ type, worker }) => type === "worker-summoned" && worker === live?.name,
  );
  if (live !== undefined && isSummons) summonedLanes.add(live.laneKey);
}

/** In place of a worker that a person asked for and that did not wake, another one is started. */
function rememberSummons(before: Mirror, { summonedLanes, summonedWorkers }: Memory, workerId: number): void {
  const row = before.workers.get(workerId);
  if (row?.gone !== null || row.live.phase.state !== "waking") return;
  if (summonedWorkers.get(row.live.laneKey) === workerId) summonedLanes.add(row.live.laneKey);
}

function rememberConditions(memory: Memory, jobs: readonly NewJob[], ids: readonly number[]): void {
  for (const [index, { after }] of jobs.entries()) {
    const id = ids[index];
    if (id !== undefined && after.length > 0) memory.conditions.set(id, [...after]);
  }
}

function jobsOf(before: Mirror, workerId: number): number[] {
  const ids: number[] = [];
  for (const [id, row] of before.jobs) if (row.end === null && row.live.workerId === workerId) ids.push(id);
  return ids;
}
