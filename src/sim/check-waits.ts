import { assert } from "../std/assert.ts";
import type { LaneProfile } from "./lane-profiles.ts";
import type { Mirror } from "./mirror.ts";

/** What a start and a stop take on top of loading: preparing, memory that comes back late, news on their way. */
const OVERHEAD_MS = 3_500;

/**
 * The longest that a lane may wait between two services on one GPU that lanes of equal rank and one slot contend for
 * (invariant 7): for each other lane a switch, its quantum and the job that runs when that is over; then its own switch.
 * Each by the longest times that there are, so that no estimate of the scheduler's own is believed. Milliseconds.
 */
export function longestWaitMs(
  lanes: readonly LaneProfile[],
  lane: LaneProfile,
  quantumFactor: number,
): number {
  // What is expected of a lane's runs is made of all lanes' runs at first.
  const longestJobMs = Math.max(...lanes.map(({ jobMs }) => jobMs));
  let boundMs = switchMs(lane) + lane.jobMs;
  for (const other of lanes) {
    if (other === lane) continue;
    const turnMs = quantumFactor * (switchMs(other) + longestJobMs);
    // A worker that is kept for its minimal residency is kept for that and the job that runs then.
    boundMs += switchMs(other) + Math.max(turnMs, other.spec.minResidencyMs) + other.jobMs;
  }
  return boundMs;
}

function switchMs({ loadMs, spec }: LaneProfile): number {
  return loadMs + spec.stopTimeoutMs + OVERHEAD_MS;
}

/**
 * Checks the waits of a world in which nothing went wrong, from when all lanes were served once: until then nobody knew
 * what a switch and a run cost, and quanta were made of guesses.
 * @throws AssertionFailed naming the lane.
 */
export function checkWaits(mirror: Mirror, lanes: readonly LaneProfile[], quantumFactor: number): void {
  const starts = startsByLane(mirror);
  const firsts = lanes.map(({ spec }) => starts.get(spec.key)?.[0]?.startedAtMs ?? 0);
  const knownFromMs = Math.max(...firsts);
  for (const lane of lanes) {
    const boundMs = longestWaitMs(lanes, lane, quantumFactor);
    const known = (starts.get(lane.spec.key) ?? []).filter(({ startedAtMs }) => startedAtMs >= knownFromMs);
    let servedAtMs = Number.POSITIVE_INFINITY;
    for (const { startedAtMs, submittedAtMs } of known) {
      const waitMs = startedAtMs - Math.max(servedAtMs, submittedAtMs);
      assert(
        waitMs <= boundMs,
        `lane ${lane.spec.key} waited ${waitMs} ms between two services, not ${boundMs}`,
      );
      servedAtMs = startedAtMs;
    }
  }
}

interface Start {
  readonly submittedAtMs: number;
  readonly startedAtMs: number;
}

function startsByLane({ jobs }: Mirror): Map<string, Start[]> {
  const byLane = new Map<string, Start[]>();
  for (const { live, attempts } of jobs.values()) {
    const starts = byLane.get(live.laneKey) ?? [];
    byLane.set(live.laneKey, starts);
    for (const { startedAtMs } of attempts.values())
      starts.push({ submittedAtMs: live.submittedAtMs, startedAtMs });
  }
  for (const starts of byLane.values()) starts.sort((left, right) => left.startedAtMs - right.startedAtMs);
  return byLane;
}
