import type { Lane, State, Worker } from "./model.ts";

/** Cost assumed for a lane that was never started: ten seconds, a mid-sized model from a fast disk. */
const UNKNOWN_SWITCH_MS = 10_000;
/** A quantum never gets shorter than this, however cheap the switch: no thrashing over measurement noise. */
const SHORTEST_QUANTUM_MS = 500;

/** Measured cost of making this lane resident: its start plus its stop. Milliseconds. */
export function switchCostMs(lane: Lane): number {
  return (lane.startCostMs ?? UNKNOWN_SWITCH_MS) + (lane.stopCostMs ?? 0);
}

/** How long a lane may be served while others wait for its GPU: overhead stays below 1 / (1 + factor). */
export function quantumMs(state: State, lane: Lane): number {
  return Math.max(SHORTEST_QUANTUM_MS, state.policy.quantumFactor * switchCostMs(lane));
}

/** The waiting lanes in the order in which they are served: asked for by a person, priority, longest without service. */
export function waitingInOrder(state: State): Lane[] {
  return [...state.waiting].sort(
    (left, right) =>
      Number(right.summons !== null) - Number(left.summons !== null) ||
      priorityOf(right) - priorityOf(left) ||
      left.waitingSinceMs - right.waitingSinceMs ||
      (left.spec.key < right.spec.key ? -1 : 1),
  );
}

/** Priority of the job at the head; a lane without jobs ranks lowest. */
export function priorityOf(lane: Lane): number {
  return lane.queue.size > 0 ? lane.queue.headPriority() : Number.NEGATIVE_INFINITY;
}

/**
 * Whether `worker` may be stopped so that `lane` can run: it is idle with nobody waiting in its lane; or the other
 * lane ranks higher; or it ranks no lower and the worker's lane has had its quantum since the other began to wait. A
 * lane of lower rank waits: it would be evicted in turn before it could serve a single job. What runs is let finish.
 */
export function mayEvictFor(state: State, lane: Lane, nowMs: number): (worker: Worker) => boolean {
  return (worker) => {
    if (worker.pinned || worker.lane === lane || worker.lane.spec.residency === "one-shot") return false;
    const { phase } = worker;
    if (phase.state !== "ready" && phase.state !== "starting") return false;
    if (lane.summons?.evict === true) return true;
    if (phase.state === "starting" && worker.lane.summoned === worker) return false;
    if (worker.jobs.size === 0 && worker.lane.queue.size === 0 && worker.lane.summons === null) return true;
    if (phase.state === "starting" || worker.lane.queue.size === 0) return false;
    if (priorityOf(lane) > priorityOf(worker.lane)) return true;
    if (priorityOf(lane) < priorityOf(worker.lane) && lane.summons === null) return false;
    const contendedSinceMs = Math.max(phase.sinceMs, lane.waitingSinceMs);
    return nowMs - contendedSinceMs >= quantumMs(state, worker.lane);
  };
}
