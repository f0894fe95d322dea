import { isUsable, leasedBytes, neededBytes, suits, usableBytes, vramOf } from "./capacity.ts";
import { fits, isLeaving, type Left, leftOf } from "./fits.ts";
import { isSleeper } from "./lane-workers.ts";
import type { MayEvict } from "./lanes.ts";
import type { Gpu, Lane, State, Worker } from "./model.ts";
import { cheapestVictims, reloadCostMs, type Victim } from "./victims.ts";

/**
 * How soon a GPU could take a worker of a lane, cheapest first:
 * `free` now · `emptying` once workers that are stopping are gone · `evictable` by stopping `victims` · `preemptible` by
 * stopping jobs too · `busy` with work that is let finish, or pinned.
 */
export interface Offer {
  readonly gpu: Gpu;
  readonly rank: keyof typeof RANKS;
  readonly victims: readonly Victim[];
  /** Usable bytes that would be left over; the tightest fit is taken first. */
  readonly spareBytes: number;
  /** What it costs to bring the victims back, as far as they are likely to be wanted again. */
  readonly costMs: number;
}

const RANKS = { free: 0, emptying: 1, evictable: 2, preemptible: 3, busy: 4 } as const;

export interface Wish {
  readonly state: State;
  readonly lane: Lane;
  readonly nowMs: number;
  readonly mayEvict: MayEvict;
  /** Whether the GPU may be used at all: it is not promised to others, or the work ends before they need it. */
  readonly mayUse: (gpu: Gpu) => boolean;
  /** Set: not a new worker is to be placed, but this one that sleeps is to be woken where it is. */
  readonly waking?: Worker | null;
}

/**
 * The offers of all GPUs that could run the lane were its workers alone there, best first. GPUs that are lost, promised
 * to another lane in this plan, or too full of foreign memory make none: nobody is evicted for what would not fit even
 * then. A GPU that a person asked for comes first, and without it there are no offers.
 */
export function offersFor(wish: Wish): Offer[] {
  const { state, lane } = wish;
  const offers: Offer[] = [];
  const asked = lane.summons?.gpu ?? null;
  for (const gpu of state.gpus.values()) {
    if (!isUsable(gpu) || !wish.mayUse(gpu)) continue;
    if (!suits(lane.spec, gpu)) continue;
    if (wish.waking && !isOn(wish.waking, gpu)) continue;
    if (neededBytes(state.policy, lane, gpu) > usableBytes(state.policy, gpu)) continue;
    if (gpu.uuid !== asked && isOutgrown(state, lane, gpu)) continue;
    const offer = offerOf(wish, gpu);
    if (offer.rank !== "busy" || !isFullOfOwn(state, lane, gpu)) offers.push(offer);
  }
  if (asked !== null && !offers.some((offer) => offer.gpu.uuid === asked)) return [];
  if (offers.length > 1) offers.sort((left, right) => compareOffers(asked, left, right));
  return offers;
}

function isOn({ leases }: Worker, gpu: Gpu): boolean {
  return leases.some((lease) => lease.gpu === gpu);
}

/**
 * Whether the lane was seen to need more than the GPU has, and enough others that go together have more. Where none have
 * enough the largest ones do.
 */
function isOutgrown({ gpus, policy }: State, lane: Lane, gpu: Gpu): boolean {
  const learned = vramOf(lane);
  const roomOf = (any: Gpu): number => any.totalBytes - policy.vramReserveBytes;
  if (learned === null || learned <= roomOf(gpu)) return false;
  const asked = gpus.get(lane.summons?.gpu ?? "");
  const rooms = new Map<Gpu["vendor"], number[]>();
  for (const any of gpus.values()) {
    if (!isUsable(any) || !suits(lane.spec, any) || (asked && asked.vendor !== any.vendor)) continue;
    rooms.set(any.vendor, [...(rooms.get(any.vendor) ?? []), roomOf(any)]);
  }
  let most = 0;
  for (const alike of rooms.values()) {
    alike.sort((left, right) => right - left);
    most = Math.max(most, alike[lane.spec.gpuCount - 1] ?? 0);
  }
  return Math.min(learned, most) > roomOf(gpu);
}

function compareOffers(asked: string | null, left: Offer, right: Offer): number {
  return (
    Number(right.gpu.uuid === asked) - Number(left.gpu.uuid === asked) ||
    RANKS[left.rank] - RANKS[right.rank] ||
    left.costMs - right.costMs ||
    left.spareBytes - right.spareBytes ||
    left.gpu.index - right.gpu.index
  );
}

/**
 * The `count` best offers that go together: of offers as soon and as cheap, GPUs linked with each other are preferred,
 * then GPUs of the same NUMA node. Each of the equally good ones is tried as the first, since the first one may have no
 * free peer.
 * @param keepsFirst the first offer was asked for by name
 */
export function chooseTogether(offers: readonly Offer[], count: number, keepsFirst = false): Offer[] {
  if (count === 1) return offers.slice(0, 1);
  const [first] = offers;
  const alike = ofOneVendor(offers, count, keepsFirst);
  if (alike.length < offers.length) return chooseTogether(alike, count, keepsFirst);
  let best = gather(offers, 0, count);
  if (keepsFirst || first === undefined) return best;
  for (let index = 1; index < offers.length && isAsGood(offers[index], first); index++) {
    const other = gather(offers, index, count);
    if (closenessOf(other) > closenessOf(best)) best = other;
  }
  return best;
}

/**
 * The offers of the vendor that has `count` of them soonest: a program runs on the GPUs of one vendor. All, where no
 * vendor has enough or there is one only.
 */
function ofOneVendor(offers: readonly Offer[], count: number, keepsFirst: boolean): readonly Offer[] {
  const asked = keepsFirst ? offers[0]?.gpu.vendor : undefined;
  const byVendor = new Map<Gpu["vendor"], Offer[]>();
  for (const offer of offers) {
    const { vendor } = offer.gpu;
    if (asked !== undefined && vendor !== asked) continue;
    const group = byVendor.get(vendor) ?? [];
    byVendor.set(vendor, group);
    // They come best first: the group that is full first has the soonest GPUs.
    if (group.push(offer) === count) return offers.filter(({ gpu }) => gpu.vendor === vendor);
  }
  return byVendor.size > 1 || asked !== undefined ? [...(byVendor.values().next().value ?? [])] : offers;
}

function isAsGood(offer: Offer | undefined, first: Offer): boolean {
  return offer !== undefined && offer.rank === first.rank && offer.costMs === first.costMs;
}

/** The offer at `index`, and of those as good as the best one left the closest each time. */
function gather(offers: readonly Offer[], index: number, count: number): Offer[] {
  const left = [...offers];
  const chosen = left.splice(index, 1);
  while (chosen.length < count && left.length > 0) {
    const [first] = left;
    let best = 0;
    for (const [place, offer] of left.entries()) {
      if (first === undefined || !isAsGood(offer, first)) break;
      if (closeness(chosen, offer.gpu) > closeness(chosen, left[best]?.gpu ?? offer.gpu)) best = place;
    }
    chosen.push(...left.splice(best, 1));
  }
  return chosen.slice(0, count);
}

function closenessOf(chosen: readonly Offer[]): number {
  return chosen.reduce((sum, { gpu }) => sum + closeness(chosen, gpu), 0);
}

function closeness(chosen: readonly Offer[], gpu: Gpu): number {
  let sum = 0;
  for (const { gpu: other } of chosen) {
    if (other.nvlinkPeers.includes(gpu.uuid)) sum += 100;
    if (other.numaNode !== null && other.numaNode === gpu.numaNode) sum += 1;
  }
  return sum;
}

/**
 * Whether the lane's own resident workers leave no room for another one. Such a GPU is no use to it, and a promise of
 * it would only keep other lanes from their turn.
 */
function isFullOfOwn(state: State, lane: Lane, gpu: Gpu): boolean {
  if (lane.spec.residency === "one-shot") return false;
  return !fits(state, lane, gpu, (worker) =>
    worker.lane !== lane || isSleeper(worker) ? "nothing" : leftOf(worker),
  );
}

function offerOf(wish: Wish, gpu: Gpu): Offer {
  const { state, lane } = wish;
  const spareBytes = usableBytes(state.policy, gpu) - leasedBytes(gpu);
  const isAwake = wish.waking?.phase.state !== "falling-asleep";
  if (isAwake && fits(state, lane, gpu, exceptFor(wish, nowLeft)))
    return { gpu, rank: "free", victims: [], spareBytes, costMs: 0 };
  if (fits(state, lane, gpu, exceptFor(wish, leftOf)))
    return { gpu, rank: "emptying", victims: [], spareBytes, costMs: 0 };
  const candidates: Victim[] = [];
  for (const { worker } of gpu.leases) {
    if (worker === wish.waking || isLeaving(worker)) continue;
    const how = wish.mayEvict(worker);
    if (how !== null) candidates.push({ worker, how, sleeps: false });
  }
  const victims = cheapestVictims(wish, gpu, candidates);
  if (victims === null) return { gpu, rank: "busy", victims: [], spareBytes, costMs: 0 };
  const isGentle = victims.every(({ how }) => how === "drain");
  const costMs = victims.reduce((sum, { worker }) => sum + reloadCostMs(worker, wish.nowMs), 0);
  return { gpu, rank: isGentle ? "evictable" : "preemptible", victims, spareBytes, costMs };
}

/** As workers are now. */
function nowLeft(): Left {
  return "lease";
}

/** The worker that is woken makes way for itself. */
function exceptFor({ waking }: Wish, left: (worker: Worker) => Left): (worker: Worker) => Left {
  return waking ? (worker) => (worker === waking ? "nothing" : left(worker)) : left;
}
