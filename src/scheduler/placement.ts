import { leaseBytes, leasedBytes, neededBytes, usableBytes, vramOf } from "./capacity.ts";
import { startMs, switchCostMs } from "./estimate.ts";
import type { Eviction, MayEvict } from "./lanes.ts";
import type { Gpu, Lane, State, Worker } from "./model.ts";

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

export interface Victim {
  readonly worker: Worker;
  readonly how: Eviction;
}

const RANKS = { free: 0, emptying: 1, evictable: 2, preemptible: 3, busy: 4 } as const;

export interface Wish {
  readonly state: State;
  readonly lane: Lane;
  readonly nowMs: number;
  readonly mayEvict: MayEvict;
  /** Whether the GPU may be used at all: it is not promised to others, or the work ends before they need it. */
  readonly mayUse: (gpu: Gpu) => boolean;
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
    if (!gpu.healthy || !wish.mayUse(gpu)) continue;
    if (neededBytes(state.policy, lane, gpu) > usableBytes(state.policy, gpu)) continue;
    if (gpu.uuid !== asked && isOutgrown(state, lane, gpu)) continue;
    const offer = offerOf(wish, gpu);
    if (offer.rank !== "busy" || !isFullOfOwn(state, lane, gpu)) offers.push(offer);
  }
  if (asked !== null && !offers.some((offer) => offer.gpu.uuid === asked)) return [];
  if (offers.length > 1) offers.sort((left, right) => compareOffers(asked, left, right));
  return offers;
}

/**
 * Whether the lane was seen to need more than the GPU has, and enough others have more. Where none has enough the
 * largest ones do.
 */
function isOutgrown({ gpus, policy }: State, lane: Lane, gpu: Gpu): boolean {
  const learned = vramOf(lane);
  const roomOf = (any: Gpu): number => any.totalBytes - policy.vramReserveBytes;
  if (learned === null || learned <= roomOf(gpu)) return false;
  const rooms = [...gpus.values()].filter((any) => any.healthy).map(roomOf);
  rooms.sort((left, right) => right - left);
  return Math.min(learned, rooms[lane.spec.gpuCount - 1] ?? 0) > roomOf(gpu);
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
  let best = gather(offers, 0, count);
  const [first] = offers;
  if (keepsFirst || first === undefined) return best;
  for (let index = 1; index < offers.length && isAsGood(offers[index], first); index++) {
    const other = gather(offers, index, count);
    if (closenessOf(other) > closenessOf(best)) best = other;
  }
  return best;
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
  return !fits(state, lane, gpu, (worker) => worker.lane !== lane || isLeaving(worker));
}

function isLeaving(worker: Worker): boolean {
  return worker.phase.state === "draining" || worker.phase.state === "stopping";
}

function offerOf(wish: Wish, gpu: Gpu): Offer {
  const { state, lane } = wish;
  const spareBytes = usableBytes(state.policy, gpu) - leasedBytes(gpu);
  const base = { gpu, spareBytes, victims: [], costMs: 0 };
  if (fits(state, lane, gpu, () => false)) return { ...base, rank: "free" };
  if (fits(state, lane, gpu, isLeaving)) return { ...base, rank: "emptying" };
  const candidates: Victim[] = [];
  for (const { worker } of gpu.leases) {
    if (isLeaving(worker)) continue;
    const how = wish.mayEvict(worker);
    if (how !== null) candidates.push({ worker, how });
  }
  const victims = cheapestVictims(wish, gpu, candidates);
  if (victims === null) return { ...base, rank: "busy" };
  const isGentle = victims.every(({ how }) => how === "drain");
  const costMs = victims.reduce((sum, { worker }) => sum + reloadCostMs(worker, wish.nowMs), 0);
  return { ...base, victims, costMs, rank: isGentle ? "evictable" : "preemptible" };
}

/**
 * Whom to stop so that the lane fits: the cheapest single worker that is big enough, else the cheapest ones together,
 * without those that turn out needless. Null when not even all of them are enough.
 */
function cheapestVictims({ state, lane, nowMs }: Wish, gpu: Gpu, candidates: Victim[]): Victim[] | null {
  if (candidates.length > 1) candidates.sort((left, right) => compareVictims(left, right, nowMs));
  const fitsWithout = (victims: readonly Victim[]): boolean =>
    fits(
      state,
      lane,
      gpu,
      (worker) => isLeaving(worker) || victims.some((victim) => victim.worker === worker),
    );
  const single = candidates.find((victim) => victim.how === "drain" && fitsWithout([victim]));
  if (single) return [single];
  if (candidates.length === 0 || !fitsWithout(candidates)) return null;
  let kept = [...candidates];
  for (const victim of [...candidates].reverse()) {
    const without = kept.filter((each) => each !== victim);
    if (fitsWithout(without)) kept = without;
  }
  return kept;
}

/** Drained before preempted, cheap to bring back before dear. */
function compareVictims(left: Victim, right: Victim, nowMs: number): number {
  return (
    Number(left.how === "preempt") - Number(right.how === "preempt") ||
    reloadCostMs(left.worker, nowMs) - reloadCostMs(right.worker, nowMs) ||
    left.worker.id - right.worker.id
  );
}

/**
 * What evicting a worker is expected to cost: its reload, weighed by how likely it is wanted soon. A worker idle for
 * t is taken to be wanted again within its reload time r with probability r / (r + t): the longer it was idle, the
 * longer it will be. Milliseconds.
 */
export function reloadCostMs(worker: Worker, nowMs: number): number {
  const costMs = switchCostMs(worker.lane);
  if (worker.jobs.size > 0 || worker.phase.state !== "ready") return costMs + startMs(worker.lane);
  if (worker.lane.queue.size > 0) return costMs;
  const idleMs = Math.max(0, nowMs - worker.phase.idleSinceMs);
  return (costMs * costMs) / (costMs + idleMs);
}

/** Whether a lease of `lane` fits on `gpu` once the workers for which `isGone` holds are gone. */
function fits(state: State, lane: Lane, gpu: Gpu, isGone: (worker: Worker) => boolean): boolean {
  let leased = 0;
  for (const lease of gpu.leases) {
    if (isGone(lease.worker)) continue;
    if (lane.spec.mode === "exclusive" || lease.mode === "exclusive") return false;
    leased += lease.vramBytes;
  }
  if (lane.spec.mode === "exclusive") return true;
  return leased + leaseBytes(state.policy, lane, gpu) <= usableBytes(state.policy, gpu);
}
