import type { Standing } from "../../gateway/request-port.ts";
import { explainJob } from "../../scheduler/explain.ts";
import { forecastStart } from "../../scheduler/forecast.ts";
import type { LaneSpec } from "../../scheduler/model.ts";
import type { World } from "../world.ts";

/** How requests stand that wait. */
export interface Standings {
  /** Null when it does not wait any more. */
  of(jobId: number): Standing | null;
  /** When a place is expected to be free in a lane in which so many wait. Milliseconds. */
  clearsInMs(spec: LaneSpec, waiting: number): number;
}

/** A forecast costs milliseconds: of a thousand that wait and ask, one is told anew so often, the others what they were told. */
const FORECAST_EVERY_MS = 250;
const KNOWN_MOST = 10_000;

/** Nothing was foretold yet. */
export function createStandings(world: () => World): Standings {
  const known = new Map<number, number | null>();
  let nextAtMs = 0;
  const etaOf = (jobId: number, nowMs: number): number | null => {
    const { state, clock } = world();
    const job = state().jobs.get(jobId);
    if (job !== undefined && clock.monotonicMs() >= nextAtMs) {
      nextAtMs = clock.monotonicMs() + FORECAST_EVERY_MS;
      if (known.size >= KNOWN_MOST) known.clear();
      known.set(jobId, forecastStart(state(), nowMs, job).start?.atMs ?? null);
    }
    return known.get(jobId) ?? null;
  };
  return {
    of(jobId) {
      const { state, clock } = world();
      const job = state().jobs.get(jobId);
      if (job === undefined || job.phase.state === "running") {
        known.delete(jobId);
        return null;
      }
      const nowMs = clock.nowMs();
      return {
        ahead: job.phase.state === "queued" ? job.lane.queue.ahead(job) : 0,
        reason: explainJob(state(), job, nowMs)?.text ?? "it is about to be planned",
        etaMs: etaOf(jobId, nowMs),
      };
    },
    clearsInMs({ key, slots }, waiting) {
      const lane = world().state().lanes.get(key);
      const run = lane?.learned.run ?? { count: 0, meanMs: 0 };
      const runMs = run.count > 0 ? run.meanMs : 1_000;
      // One of them has gone by then: who comes back is to find room, not the end of all others.
      return Math.max(1_000, Math.ceil(runMs / slots), waiting === 0 ? 0 : runMs);
    },
  };
}
