import { priorityOf, quantumMs } from "../scheduler/lanes.ts";
import type { Lane, Worker, WorkerPhase } from "../scheduler/model.ts";
import { assert } from "../std/assert.ts";
import { couldGet } from "./check-grants.ts";
import type { Committed } from "./check-transition.ts";

/**
 * Checks that whoever was evicted by a step was evicted for a lane that waits, that may evict it, and that gets the
 * GPU once all who are leaving are gone.
 * @throws AssertionFailed naming the worker.
 */
export function checkEvictions(committed: Committed): void {
  for (const worker of committed.step.changes.workers) {
    const { phase } = worker;
    if (phase.state !== "draining" && phase.state !== "stopping") continue;
    if (phase.reason !== "evicted") continue;
    const was = committed.before.workers.get(worker.id)?.live.phase;
    if (was?.state === "draining" || was?.state === "stopping") continue;
    checkEviction(committed, worker, was);
  }
}

function checkEviction(committed: Committed, worker: Worker, was: WorkerPhase | undefined): void {
  const uuids = new Set(worker.leases.map((lease) => lease.gpu.uuid));
  const fitting = [...committed.state.waiting].filter(
    (lane) => lane !== worker.lane && lane.spec.gpuCount > 0 && couldGet(committed, lane, uuids),
  );
  assert(fitting.length > 0, `${worker.name} was evicted for nobody who fits then`);
  const isAllowed = fitting.some((lane) => mayEvict(committed, lane, worker, was));
  assert(isAllowed, `${worker.name} was evicted before its time`);
}

function mayEvict(committed: Committed, lane: Lane, worker: Worker, was: WorkerPhase | undefined): boolean {
  if (lane.summons?.evict === true) return true;
  const isStarting = was === undefined || (was.state === "starting" && !becameReady(committed, worker));
  if (isStarting && committed.memory.summonedWorkers.has(worker.id)) return false;
  if (worker.jobs.size === 0 && worker.lane.queue.size === 0) return true;
  if (isStarting || worker.lane.queue.size === 0) return false;
  if (priorityOf(lane) > priorityOf(worker.lane)) return true;
  if (priorityOf(lane) < priorityOf(worker.lane) && lane.summons === null) return false;
  const readyAtMs = was?.state === "ready" ? was.sinceMs : committed.nowMs;
  const contendedMs = committed.nowMs - Math.max(readyAtMs, lane.waitingSinceMs);
  return contendedMs >= quantumMs(committed.state, worker.lane);
}

function becameReady(committed: Committed, worker: Worker): boolean {
  return committed.events.some((event) => event.type === "worker-ready" && event.workerId === worker.id);
}
