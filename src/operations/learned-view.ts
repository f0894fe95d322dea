import type { LaneView, RuntimeDetail } from "../protocol/learned-view.ts";
import { residueBytesOf, vramOf } from "../scheduler/capacity.ts";
import { switchCostMs } from "../scheduler/estimate.ts";
import { quantumMs } from "../scheduler/lane-view.ts";
import { deviationMs, type RunStats } from "../scheduler/learned.ts";
import type { Lane, State } from "../scheduler/model.ts";
import { whyNoSleep } from "../scheduler/sleep.ts";

/** The lanes of a runtime as callers see them, by title. */
export function viewLanes(state: State, runtime: string, nowMs: number): LaneView[] {
  return lanesOf(state, runtime)
    .map((lane) => viewLane(state, lane, nowMs))
    .toSorted((left, right) => (left.lane < right.lane ? -1 : 1));
}

/** Measured start and stop of the runtime's costliest lane; null until one was measured. Milliseconds. */
export function measuredSwitchMs(state: State, runtime: string): number | null {
  let most: number | null = null;
  for (const { learned } of lanesOf(state, runtime))
    if (learned.startMs !== null) most = Math.max(most ?? 0, learned.startMs + (learned.stopMs ?? 0));
  return most;
}

/** Run times of the runtime's groups of jobs, by name. */
export function viewRunGroups(state: State, runtime: string): RuntimeDetail["groups"] {
  const groups: RuntimeDetail["groups"] = [];
  for (const { key, run } of state.runGroups.values()) {
    const stats = viewStats(run);
    if (stats !== null && key.startsWith(`${runtime}?`))
      groups.push({ group: key.slice(runtime.length + 1), run: stats });
  }
  return groups.toSorted((left, right) => left.run.meanMs - right.run.meanMs);
}

function lanesOf(state: State, runtime: string): Lane[] {
  return [...state.lanes.values()].filter((lane) => lane.spec.runtime === runtime);
}

function viewLane(state: State, lane: Lane, nowMs: number): LaneView {
  const { spec, learned } = lane;
  return {
    lane: spec.title,
    workers: lane.workers.size,
    queued: lane.queue.size,
    home: spec.minReplicas,
    startMs: learned.startMs,
    stopMs: learned.stopMs,
    sleep: viewSleep(lane, nowMs),
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

function viewSleep(lane: Lane, nowMs: number): LaneView["sleep"] {
  const { spec, learned } = lane;
  if (spec.sleep === null) return null;
  const { sleepMs, wakeMs } = learned;
  return {
    sleepMs,
    wakeMs,
    residueBytes: residueBytesOf(lane),
    isMeasured: learned.residueBytes !== null,
    ramBytes: learned.sleepRamBytes ?? spec.sleep.ramBytes,
    off: whyNoSleep(lane, nowMs),
  };
}

function viewStats(stats: RunStats) {
  const { meanMs, count } = stats;
  return count === 0 ? null : { meanMs, deviationMs: deviationMs(stats), count };
}
