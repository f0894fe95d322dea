import type { Clock } from "../../../std/clock.ts";
import { type ModelKind, modelKind, modelKinds } from "./models.ts";
import type { LoadBalancerOptions } from "./options.ts";
import { Refusal } from "./refusal.ts";

/** A place for a worker of a model. Clients know it by a number, whichever worker of orch has the place now. */
export interface Slot {
  /** Within its pool, from 0. */
  readonly index: number;
  /** Of orch's worker that had it last. */
  worker: number | null;
  running: number;
  requests: number;
  success: number;
  errors: number;
  /** Of the last requests, in milliseconds. */
  recentMs: number[];
  lastMs: number | null;
}

/** The workers of one model. */
export interface Pool {
  readonly kind: ModelKind;
  slots: Slot[];
  waiting: number;
  requests: number;
  success: number;
  errors: number;
}

/** All pools, in the order in which workers are numbered. */
export interface Pools {
  readonly startedMs: number;
  /** The pool of a model; one that nobody has asked for before is new. */
  of(model: string): Pool;
  all(): readonly Pool[];
  /** The number by which clients know a place. */
  idOf(pool: Pool, slot: Slot): number;
  byId(id: number): { readonly pool: Pool; readonly slot: Slot } | null;
}

const RECENT = 10;
/** More wait for one worker than it should have. */
const OVERCHARGED = 10;

/** Pools without workers: how many there are is told by `resize`. */
export function createPools(clock: Clock, options: LoadBalancerOptions): Pools {
  const names = new Set([...modelKinds.map(({ name }) => name), ...Object.keys(options.models)]);
  const pools = new Map([...names].map((name) => [name, newPool(name)]));
  const all = (): readonly Pool[] => [...pools.values()];
  const firstOf = (pool: Pool): number => {
    const before = all().slice(0, all().indexOf(pool));
    return before.reduce((sum, { slots }) => sum + slots.length, 0);
  };
  return {
    startedMs: clock.monotonicMs(),
    all,
    of(model) {
      const found = pools.get(model) ?? newPool(model);
      pools.set(model, found);
      return found;
    },
    idOf: (pool, slot) => firstOf(pool) + slot.index,
    byId(id) {
      for (const pool of all()) {
        const slot = pool.slots[id - firstOf(pool)];
        if (slot !== undefined && id >= firstOf(pool)) return { pool, slot };
      }
      return null;
    },
  };
}

function newPool(name: string): Pool {
  return { kind: modelKind(name), slots: [], waiting: 0, requests: 0, success: 0, errors: 0 };
}

/** Gives a pool as many places as its runtime may have workers; those that are used stay. */
export function resize(pool: Pool, workers: number): void {
  while (pool.slots.length < workers) pool.slots.push(newSlot(pool.slots.length));
  while (pool.slots.length > workers && pool.slots.at(-1)?.running === 0) pool.slots.pop();
}

function newSlot(index: number): Slot {
  return { index, worker: null, running: 0, requests: 0, success: 0, errors: 0, recentMs: [], lastMs: null };
}

/** @throws Refusal when more wait for the model than may */
export function refuseFull(pool: Pool, maxQueue: number): void {
  if (pool.waiting < maxQueue) return;
  throw new Refusal(503, `Too many requests wait for model '${pool.kind.name}'.`, 5);
}

/** The place of a worker that has a request now: the one it had, else one that nobody uses. */
export function takeSlot(pool: Pool, worker: number): Slot {
  const free = pool.slots.filter(({ running }) => running === 0);
  const own = pool.slots.find((slot) => slot.worker === worker);
  const slot = own ?? free.find((each) => each.worker === null) ?? free[0] ?? newSlot(pool.slots.length);
  if (!pool.slots.includes(slot)) pool.slots.push(slot);
  slot.worker = worker;
  slot.running += 1;
  return slot;
}

/** A request that a worker had is over, or was lost with it. */
export function freeSlot(slot: Slot): void {
  slot.running -= 1;
}

/** Counts what became of a request. @param tookMs in the worker; null = it was given none */
export function countEnd(pool: Pool, slot: Slot | null, isGood: boolean, tookMs: number | null): void {
  for (const counted of slot === null ? [pool] : [pool, slot]) {
    counted.requests += 1;
    if (isGood) counted.success += 1;
    else counted.errors += 1;
  }
  if (slot === null || tookMs === null) return;
  slot.lastMs = tookMs;
  slot.recentMs = [...slot.recentMs, tookMs].slice(-RECENT);
}

/** A worker as /status tells of it. */
export function viewSlot(pools: Pools, pool: Pool, slot: Slot, basePort: number) {
  const id = pools.idOf(pool, slot);
  const { length } = pool.slots;
  const queue = Math.floor(pool.waiting / length) + (slot.index < pool.waiting % length ? 1 : 0);
  const isBusy = slot.running > 0;
  const overcharged = queue > OVERCHARGED;
  const mean = slot.recentMs.reduce((sum, ms) => sum + ms, 0) / Math.max(1, slot.recentMs.length);
  return {
    worker_id: id,
    port: basePort + id,
    is_busy: isBusy,
    queue_length: queue,
    requests: slot.requests,
    success: slot.success,
    errors: slot.errors,
    avg_recent_latency_ms: rounded(mean),
    last_duration_ms: rounded(slot.lastMs ?? 0),
    overcharged,
    state: overcharged ? "OVERCHARGED" : isBusy || queue > 0 ? "BUSY" : "IDLE",
  };
}

/** Milliseconds with one decimal. */
export function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}
