import { leaseBytes, leasedBytes, neededBytes, usableBytes } from "./capacity.ts";
import type { Gpu, Lane, State, Worker } from "./model.ts";

/**
 * How soon a GPU could take a worker of a lane, cheapest first:
 * `free` now · `emptying` once workers that are stopping are gone · `evictable` by stopping `victims` · `busy` with work
 * that is let finish, or pinned.
 */
export interface Offer {
  readonly gpu: Gpu;
  readonly rank: "free" | "emptying" | "evictable" | "busy";
  readonly victims: readonly Worker[];
  /** Usable bytes that would be left over; the tightest fit is taken first. */
  readonly spareBytes: number;
}

const RANKS = { free: 0, emptying: 1, evictable: 2, busy: 3 } as const;

/**
 * The offers of all GPUs that could run `lane` were its workers alone there, best first. GPUs that are lost, taken by
 * another lane in this plan, or too full of foreign memory make none: nobody is evicted for what would not fit even then.
 * A GPU that a person asked for comes first, and without it there are no offers.
 */
export function offersFor(state: State, lane: Lane, taken: ReadonlySet<Gpu>, mayEvict: MayEvict): Offer[] {
  const offers: Offer[] = [];
  const asked = lane.summons?.gpu ?? null;
  for (const gpu of state.gpus.values()) {
    if (!gpu.healthy || taken.has(gpu)) continue;
    if (neededBytes(state.policy, lane.spec, gpu) > usableBytes(state.policy, gpu)) continue;
    const offer = offerOf(state, lane, gpu, mayEvict);
    if (offer.rank !== "busy" || !isFullOfOwn(state, lane, gpu)) offers.push(offer);
  }
  if (asked !== null && !offers.some((offer) => offer.gpu.uuid === asked)) return [];
  return offers.sort(
    (left, right) =>
      Number(right.gpu.uuid === asked) - Number(left.gpu.uuid === asked) ||
      RANKS[left.rank] - RANKS[right.rank] ||
      left.victims.length - right.victims.length ||
      left.spareBytes - right.spareBytes ||
      left.gpu.index - right.gpu.index,
  );
}

/**
 * Whether the lane's own resident workers leave no room for another one. Such a GPU is no use to it, and a promise of
 * it would only keep other lanes from their turn.
 */
function isFullOfOwn(state: State, lane: Lane, gpu: Gpu): boolean {
  if (lane.spec.residency === "one-shot") return false;
  const others = new Set<Worker>();
  for (const { worker } of gpu.leases) {
    const isLeaving = worker.phase.state === "draining" || worker.phase.state === "stopping";
    if (isLeaving || worker.lane !== lane) others.add(worker);
  }
  return !fits(state, lane, gpu, others);
}

/** Whether a worker may be stopped for the lane that is being placed. */
export type MayEvict = (worker: Worker) => boolean;

function offerOf(state: State, lane: Lane, gpu: Gpu, mayEvict: MayEvict): Offer {
  const spareBytes = usableBytes(state.policy, gpu) - leasedBytes(gpu);
  if (fits(state, lane, gpu, new Set())) return { gpu, rank: "free", victims: [], spareBytes };
  const leaving = new Set<Worker>();
  const candidates: Worker[] = [];
  for (const { worker } of gpu.leases) {
    if (worker.phase.state === "draining" || worker.phase.state === "stopping") leaving.add(worker);
    else if (mayEvict(worker)) candidates.push(worker);
  }
  if (fits(state, lane, gpu, leaving)) return { gpu, rank: "emptying", victims: [], spareBytes };
  const victims: Worker[] = [];
  for (const worker of candidates.sort(byIdleness)) {
    victims.push(worker);
    if (fits(state, lane, gpu, new Set([...leaving, ...victims]))) {
      return {
        gpu,
        rank: "evictable",
        victims: withoutNeedless(state, lane, gpu, leaving, victims),
        spareBytes,
      };
    }
  }
  return { gpu, rank: "busy", victims: [], spareBytes };
}

/** Whether a lease of `lane` fits on `gpu` once the workers `without` are gone. */
function fits(state: State, lane: Lane, gpu: Gpu, without: ReadonlySet<Worker>): boolean {
  let leased = 0;
  for (const lease of gpu.leases) {
    if (without.has(lease.worker)) continue;
    if (lane.spec.mode === "exclusive" || lease.mode === "exclusive") return false;
    leased += lease.vramBytes;
  }
  if (lane.spec.mode === "exclusive") return true;
  return leased + leaseBytes(state.policy, lane.spec, gpu) <= usableBytes(state.policy, gpu);
}

/** Leaves out victims that turned out needless because a later, larger one was enough. */
function withoutNeedless(
  state: State,
  lane: Lane,
  gpu: Gpu,
  leaving: ReadonlySet<Worker>,
  victims: readonly Worker[],
): Worker[] {
  const kept = new Set(victims);
  for (const worker of victims) {
    kept.delete(worker);
    if (!fits(state, lane, gpu, new Set([...leaving, ...kept]))) kept.add(worker);
  }
  return [...kept];
}

/** Longest idle first; busy ones last. */
function byIdleness(left: Worker, right: Worker): number {
  return idleSinceMs(left) - idleSinceMs(right) || left.id - right.id;
}

function idleSinceMs(worker: Worker): number {
  if (worker.jobs.size > 0 || worker.phase.state !== "ready") return Number.MAX_SAFE_INTEGER;
  return worker.phase.idleSinceMs;
}
