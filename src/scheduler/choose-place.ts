import { expectedFreeMs } from "./claims.ts";
import { startMs, wakeMs } from "./estimate.ts";
import { isSleeper } from "./lane-workers.ts";
import type { Lane, Worker } from "./model.ts";
import { chooseTogether, type Offer, offersFor, type Wish } from "./placement.ts";
import { isWakeable } from "./sleep.ts";

/** Where a lane's next worker will be. */
export interface Place {
  /** Fewer than the lane needs: there is no place. */
  readonly offers: readonly Offer[];
  /** The worker that is woken there; null = a new one is started. */
  readonly waking: Worker | null;
}

/** Workers of the lane that sleep, or are about to, and can be woken. A process cannot move, so each only where it is. */
export function wakeableOf(lane: Lane): Worker[] {
  if (lane.spec.sleep === null || lane.workers.size === 0) return [];
  return [...lane.workers].filter((worker) => isSleeper(worker) && isWakeable(worker));
}

/**
 * Where the lane gets its next worker soonest: one that sleeps is woken where it is, unless its GPUs are taken for longer
 * than a start elsewhere lasts.
 * @param sleepers of the lane, as `wakeableOf` has them
 * @param mayStart whether the host has the memory for one more worker
 */
export function choosePlace(wish: Wish, sleepers: readonly Worker[], mayStart = true): Place {
  const { lane } = wish;
  if (sleepers.length === 0) return { offers: mayStart ? placeOfNew(wish) : [], waking: null };
  const warm: Place[] = [];
  for (const waking of sleepers) {
    const offers = offersFor({ ...wish, waking });
    if (offers.length >= lane.spec.gpuCount) warm.push({ offers, waking });
  }
  // Where one can be woken, no other is started beside it; but nobody waits for GPUs that may be busy for ever.
  const isOwn = (gpu: Offer["gpu"]): boolean =>
    warm.some((place) => !isBusy(place) && place.offers.some((offer) => offer.gpu === gpu));
  const mayUse: Wish["mayUse"] = warm.length === 0 ? wish.mayUse : (gpu) => !isOwn(gpu) && wish.mayUse(gpu);
  let best: Place = { offers: mayStart ? placeOfNew({ ...wish, mayUse }) : [], waking: null };
  for (const place of warm) if (isSooner(wish, place, best)) best = place;
  return best;
}

/** Where a new worker would be. */
function placeOfNew(wish: Wish): Offer[] {
  const { spec, summons } = wish.lane;
  return chooseTogether(offersFor(wish), spec.gpuCount, summons !== null && summons.gpu !== null);
}

function isSooner(wish: Wish, warm: Place, other: Place): boolean {
  const isMissing = other.offers.length < wish.lane.spec.gpuCount;
  if (isMissing || isBusy(warm) !== isBusy(other)) return isMissing || isBusy(other);
  return readyAtMs(wish, warm) <= readyAtMs(wish, other);
}

function isBusy({ offers }: Place): boolean {
  return offers.some((offer) => offer.rank === "busy");
}

function readyAtMs({ state, lane, nowMs }: Wish, { offers, waking }: Place): number {
  const freeAtMs = offers.map((offer) => expectedFreeMs(state, lane, offer, nowMs));
  return Math.max(nowMs, ...freeAtMs) + (waking === null ? startMs(lane) : wakeMs(lane));
}
