import type { Event, SeenGpu } from "../scheduler/events.ts";
import type { State } from "../scheduler/model.ts";
import type { Step } from "../scheduler/step.ts";
import { checkEvictions } from "./check-evictions.ts";
import { checkGrants } from "./check-grants.ts";
import { checkJobs } from "./check-jobs.ts";
import { checkWorkers } from "./check-workers.ts";
import type { Mirror } from "./mirror.ts";
import type { VirtualHost } from "./virtual-host.ts";

/** What the checks remember of earlier steps, apart from the database. */
export interface Memory {
  /** The last reading of each GPU that this daemon was given. */
  readonly seen: Map<string, SeenGpu>;
  /** Jobs that may end as cancelled, and those that must not run again. */
  readonly mayCancel: Set<number>;
  readonly mustCancel: Set<number>;
  /** Lanes for which a person asked for a worker, and by lane the last worker made for that. */
  readonly summonedLanes: Set<string>;
  readonly summonedWorkers: Map<string, number>;
}

/** A step about to be committed: the database is as it was before, the state as it is after. */
export interface Committed {
  readonly before: Mirror;
  readonly state: State;
  readonly events: readonly Event[];
  readonly step: Step;
  readonly host: VirtualHost;
  readonly memory: Memory;
  readonly nowMs: number;
}

/** The memory of checks that have seen nothing yet. */
export function createMemory(): Memory {
  return {
    seen: new Map(),
    mayCancel: new Set(),
    mustCancel: new Set(),
    summonedLanes: new Set(),
    summonedWorkers: new Map(),
  };
}

/** Forgets what a daemon forgets when it dies. */
export function forget(memory: Memory): void {
  memory.seen.clear();
  memory.summonedLanes.clear();
  memory.summonedWorkers.clear();
}

/**
 * Checks one step as a whole. It is called before the step's changes reach the database.
 * @throws AssertionFailed naming what is wrong.
 */
export function checkTransition(committed: Committed): void {
  for (const [index, event] of committed.events.entries()) remember(committed, event, index);
  checkJobs(committed);
  checkWorkers(committed);
  checkGrants(committed);
  checkEvictions(committed);
  forgetSummons(committed);
}

/** A summons is dropped when a start fails; what is made for the lane after that is made for its jobs. */
function forgetSummons({ memory, state }: Committed): void {
  for (const key of memory.summonedLanes)
    if (state.lanes.get(key)?.summons === null) memory.summonedLanes.delete(key);
}

function remember({ before, step, memory }: Committed, event: Event, index: number): void {
  const reply = step.replies[index];
  const isGranted = reply?.ok === true;
  switch (event.type) {
    case "gpus-seen":
      memory.seen.clear();
      for (const gpu of event.gpus) memory.seen.set(gpu.uuid, gpu);
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
    default:
      return;
  }
}

function jobsOf(before: Mirror, workerId: number): number[] {
  const ids: number[] = [];
  for (const [id, row] of before.jobs) if (row.end === null && row.live.workerId === workerId) ids.push(id);
  return ids;
}
