import { choosePlace, type Place, wakeableOf } from "./choose-place.ts";
import type { Lane, Worker } from "./model.ts";
import type { Wish } from "./placement.ts";
import type { Round } from "./round.ts";
import { hostShareOf, hostUse } from "./sleep.ts";
import type { Transition } from "./transition.ts";
import { verdict } from "./verdicts.ts";
import { stop } from "./worker-transitions.ts";

/**
 * Sets cores and memory aside for the lane, also if there are too few yet: those after it may not take them. Memory in
 * which others only sleep is taken from them.
 * @param wakes one of its workers sleeps and has its memory already
 */
export function takeHost(round: Round, lane: Lane, wakes = false): boolean {
  const { cpuCores } = lane.spec;
  const ramBytes = wakes ? 0 : lane.spec.ramBytes;
  if (cpuCores === 0 && ramBytes === 0) return true;
  const hasCores = cpuCores === 0 || round.cpuCores >= cpuCores;
  const hasRam = wakes || hasRamFor(round, lane);
  round.cpuCores -= cpuCores;
  round.ramBytes -= ramBytes;
  if (!hasRam) takeFromSleepers(round.tx, lane);
  if (!hasCores || !hasRam) lane.verdict = verdict(hasCores ? "ram-busy" : "cpu-busy");
  return hasCores && hasRam;
}

/**
 * Where the lane's next worker will be as far as the host's memory goes: who wakes has its own already. Where a start
 * elsewhere would be sooner but for that, memory in which others sleep, its own among them, is given back for it.
 * @param sleepers of the lane, as `wakeableOf` has them
 * @returns `lacksRam` where it waits for that memory, unless one of its own can be woken
 */
export function placeWithin(
  round: Round,
  wish: Wish,
  sleepers: readonly Worker[],
): Place & { readonly lacksRam: boolean } {
  const { offers, waking } = choosePlace(wish, sleepers);
  const isHad = sleepers.length === 0 || waking !== null || hasRamFor(round, wish.lane);
  if (isHad || offers.length < wish.lane.spec.gpuCount) return { offers, waking, lacksRam: false };
  takeFromSleepers(round.tx, wish.lane);
  return { ...choosePlace(wish, wakeableOf(wish.lane), false), lacksRam: true };
}

/** Whether the host has the memory for one more worker of the lane. */
function hasRamFor({ ramBytes, slept }: Round, { spec }: Lane): boolean {
  return spec.ramBytes === 0 || ramBytes - slept.ramBytes >= spec.ramBytes;
}

/**
 * A lane waits for memory of the host: workers that only sleep are stopped, those that were idle longest first, if that
 * gives it enough. What is leaving already counts as given back.
 */
function takeFromSleepers(tx: Transition, lane: Lane): void {
  const { state } = tx;
  const workers = [...state.workers.values()];
  const leaving = workers.filter(({ phase }) => phase.state === "stopping");
  const comingBytes = sumOf(leaving);
  let missingBytes = hostUse(state).ramBytes - comingBytes + lane.spec.ramBytes - state.policy.ramBytes;
  const sleepers = workers.filter(({ phase, pinned }) => phase.state === "asleep" && !pinned);
  if (missingBytes <= 0 || sumOf(sleepers) < missingBytes) return;
  sleepers.sort((left, right) => idleSinceMs(left) - idleSinceMs(right) || left.id - right.id);
  for (const worker of sleepers) {
    if (missingBytes <= 0) return;
    missingBytes -= hostShareOf(worker).ramBytes;
    stop(tx, worker, "ram-needed");
  }
}

function sumOf(workers: readonly Worker[]): number {
  return workers.reduce((sum, worker) => sum + hostShareOf(worker).ramBytes, 0);
}

function idleSinceMs({ phase }: Worker): number {
  return phase.state === "asleep" ? phase.idleSinceMs : 0;
}
