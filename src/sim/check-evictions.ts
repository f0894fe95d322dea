import { quantumMs } from "../scheduler/lanes.ts";
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
  const isSummoned = committed.memory.summonedWorkers.get(worker.lane.spec.key) === worker.id;
  if (isStarting && isSummoned) return false;
  const priority = priorityAtPlan(committed, worker.lane);
  if (worker.jobs.size === 0 && priority === null) return true;
  if (isStarting || priority === null) return false;
  const other = priorityAtPlan(committed, lane) ?? Number.NEGATIVE_INFINITY;
  if (other > priority) return true;
  if (other < priority && lane.summons === null) return false;
  const readyAtMs = was?.state === "ready" ? was.sinceMs : committed.nowMs;
  // A lane that another of its workers served in this very step has forgotten since when it had waited.
  const wasServed = committed.step.changes.attemptsStarted.some((start) => start.worker.lane === lane);
  const waitingSinceMs = wasServed ? 0 : lane.waitingSinceMs;
  const contendedMs = committed.nowMs - Math.max(readyAtMs, waitingSinceMs);
  return contendedMs >= quantumMs(committed.state, worker.lane);
}

/** Priority of the lane's best waiting job as the plan saw it, before other workers took some; null without any. */
function priorityAtPlan({ state, step }: Committed, lane: Lane): number | null {
  const priorities: number[] = [];
  if (lane.queue.size > 0) priorities.push(lane.queue.headPriority());
  for (const { jobId } of step.changes.attemptsStarted) {
    const job = state.jobs.get(jobId);
    if (job?.lane === lane) priorities.push(job.priority);
  }
  return priorities.length === 0 ? null : Math.max(...priorities);
}

function becameReady(committed: Committed, worker: Worker): boolean {
  return committed.events.some((event) => event.type === "worker-ready" && event.workerId === worker.id);
}
