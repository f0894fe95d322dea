import type { LaneView } from "../protocol/learned-view.ts";
import { vramOf } from "../scheduler/capacity.ts";
import { switchCostMs } from "../scheduler/estimate.ts";
import { quantumMs } from "../scheduler/lane-view.ts";
import { deviationMs, type RunStats } from "../scheduler/learned.ts";
import type { Lane, State } from "../scheduler/model.ts";

/** The lanes of a runtime as callers see them, by title. */
export function viewLanes(state: State, runtime: string): LaneView[] {
  return lanesOf(state, runtime)
    .map((lane) => viewLane(state, lane))
    .toSorted((left, right) => (left.lane < right.lane ? -1 : 1));
}

/** Measured start and stop of the runtime's costliest lane; null until one was measured. Milliseconds. */
export function measuredSwitchMs(state: State, runtime: string): number | null {
  let most: number | null = null;
  for (const { learned } of lanesOf(state, runtime))
    if (learned.startMs !== null) most = Math.max(most ?? 0, learned.startMs + (learned.stopMs ?? 0));
  return most;
}

function lanesOf(state: State, runtime: string): Lane[] {
  return [...state.lanes.values()].filter((lane) => lane.spec.runtime === runtime);
}

function viewLane(state: State, lane: Lane): LaneView {
  const { spec, learned } = lane;
  return {
    lane: spec.title,
    workers: lane.workers.size,
    queued: lane.queue.size,
    home: spec.minReplicas,
    startMs: learned.startMs,
    stopMs: learned.stopMs,
    run: viewStats(learned.run),
    switchMs: switchCostMs(lane),
    quantumMs: quantumMs(state, lane),
    vram:
      spec.gpuCount === 0
        ? null
        : {
            declaredBytes: spec.vramBytes,
            peakBytes: learned.vramPeakBytes,
            floorBytes: learned.vramFloorBytes,
            nextLeaseBytes: vramOf(lane),
          },
    etaError: viewStats(learned.eta),
  };
}

function viewStats(stats: RunStats) {
  const { meanMs, count } = stats;
  return count === 0 ? null : { meanMs, deviationMs: deviationMs(stats), count };
}
