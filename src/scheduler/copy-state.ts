import type { Job, JobArray } from "./job-model.ts";
import type { Lane, State } from "./model.ts";

/** What a new job may be of, should one be submitted to the copy. */
export interface Newcomer {
  readonly runtime: string;
  readonly estimateKey: string | null;
}

/** A copy knows no more than so many of the times at which something is to be looked at: the earliest. */
export const MOST_DEADLINES = 1_000;
/** Of more jobs that wait for one job, or for one array, only so many are known to a copy. */
const MOST_HELD_BY_ONE = 1_000;

/**
 * A state of its own that stands as the live one does, for as long as the live one is not changed: jobs that wait are
 * copied when they are first looked at, by their ids, and lanes in which nothing goes on are left out. Nothing that can be
 * changed is shared, so stepping the copy leaves the live one as it is. Fields that are not named here are copied as
 * they are. Costs O(lanes + workers + GPUs), and for each queued job the copy of a number.
 */
export function copyState(state: State, newcomer: Newcomer | null = null): State {
  const clone = createCloner();
  clone.keep(state.policy, state.policy);
  clone.keep(state.deadlines, state.deadlines.copy(MOST_DEADLINES));
  for (const { queue } of state.lanes.values()) clone.keep(queue, queue.copy(clone.of));
  const jobOf = (job: Job): Job => {
    const array = job.extras?.array;
    if (array && !clone.has(array)) clone.keep(array, arrayOf(array));
    return clone.of(job);
  };
  const jobsOf = (jobs: ReadonlySet<Job>): Set<Job> => new Set(firstOf(jobs).map(jobOf));
  clone.keep(state.jobs, new OnDemand(state.jobs, jobOf));
  clone.keep(state.dependents, new OnDemand(state.dependents, jobsOf));
  for (const worker of state.workers.values()) for (const job of worker.jobs) jobOf(job);
  const group = state.runGroups.get(newcomer?.estimateKey ?? "");
  return clone.of({
    ...state,
    lanes: new Map([...state.lanes].filter(([, lane]) => isOfInterest(state, lane, newcomer))),
    // Nobody carries out what they fire.
    schedules: new Map(),
    terms: new Map(),
    runGroups: new Map(group && [[group.key, group]]),
  });
}

function isOfInterest(state: State, lane: Lane, newcomer: Newcomer | null): boolean {
  // A new lane learns from others of its runtime.
  if (lane.workers.size > 0 || lane.spec.minReplicas > 0 || lane.spec.runtime === newcomer?.runtime)
    return true;
  return state.waiting.has(lane);
}

function arrayOf(array: JobArray): JobArray {
  return { ...array, active: new Set(array.active), waiting: new Set(firstOf(array.waiting)) };
}

function firstOf<T>(all: ReadonlySet<T>): T[] {
  const found: T[] = [];
  for (const each of all) if (found.push(each) === MOST_HELD_BY_ONE) break;
  return found;
}

/** A map whose entries are copied from another when they are first asked for. It is never walked. */
class OnDemand<K, V> extends Map<K, V> {
  private readonly source: ReadonlyMap<K, V>;
  private readonly copy: (value: V) => V;
  private readonly gone = new Set<K>();

  constructor(source: ReadonlyMap<K, V>, copy: (value: V) => V) {
    super();
    this.source = source;
    this.copy = copy;
  }

  override get(key: K): V | undefined {
    const known = super.get(key);
    if (known !== undefined || this.gone.has(key)) return known;
    const original = this.source.get(key);
    if (original === undefined) return undefined;
    const twin = this.copy(original);
    super.set(key, twin);
    return twin;
  }

  override has(key: K): boolean {
    return super.has(key) || (!this.gone.has(key) && this.source.has(key));
  }

  override delete(key: K): boolean {
    const was = this.has(key);
    super.delete(key);
    this.gone.add(key);
    return was;
  }
}

interface Cloner {
  has(original: object): boolean;
  /** Says what stands for `original` instead of a copy of it. */
  keep<T extends object>(original: T, twin: T): void;
  of<T>(value: T): T;
}

/** Copies graphs of plain objects, maps, sets and arrays: every object once, so that the copies refer to each other. */
function createCloner(): Cloner {
  const twins = new Map<object, object>();
  const of = <T>(value: T): T => (isObject(value) ? (copyOf(value) as T) : value);
  const copyOf = (value: object): object => {
    const known = twins.get(value);
    if (known !== undefined) return known;
    if (value instanceof Map) {
      const twin = new Map<unknown, unknown>();
      twins.set(value, twin);
      for (const [key, each] of value) twin.set(of(key), of(each));
      return twin;
    }
    if (value instanceof Set) {
      const twin = new Set<unknown>();
      twins.set(value, twin);
      for (const each of value) twin.add(of(each));
      return twin;
    }
    const twin = emptyLike(value);
    twins.set(value, twin);
    for (const [key, each] of Object.entries(value)) twin[key] = of(each) as unknown;
    return twin;
  };
  return {
    has: (original) => twins.has(original),
    keep: (original, twin) => void twins.set(original, twin),
    of,
  };
}

function emptyLike(value: object): Record<string, unknown> {
  if (Array.isArray(value)) return [] as unknown as Record<string, unknown>;
  return Object.create(Object.getPrototypeOf(value)) as Record<string, unknown>;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
