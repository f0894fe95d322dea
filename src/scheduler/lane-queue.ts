import { assert, must } from "../std/assert.ts";
import { rankOf } from "./job.ts";
import type { Account, Job } from "./job-model.ts";

/** Jobs of one rank and one set of accounts in order of their ids, which is order of age. A removed job leaves its id negated. */
export interface Bucket {
  readonly rank: number;
  readonly accounts: readonly [Account, ...Account[]];
  ids: number[];
  head: number;
  live: number;
  /** `ids` belongs to the bucket that this one was copied from: it is copied before it is changed. */
  isBorrowed: boolean;
}

/** Decides between the buckets of a lane: blocked ones are passed over, among equal ranks the least pressure goes first. */
export interface Rights {
  isBlocked(accounts: readonly [Account, ...Account[]]): boolean;
  pressure(account: Account): number;
}

/** Everybody may run, in order of age. */
export const everybody: Rights = { isBlocked: () => false, pressure: () => 0 };

/**
 * The waiting jobs of one lane: highest rank first, then whose account used least, then oldest. Only ids are kept (8
 * bytes a job). Adding at the end and taking from the front cost O(1) in the number of jobs, anything else O(log n) plus at
 * worst one array shift; all cost O(buckets), which are as many as ranks × users.
 */
export interface LaneQueue {
  readonly size: number;
  /** Grows with every change. */
  readonly version: number;
  /** @returns whether it is the first of its rank and accounts here. */
  add(job: Job): boolean;
  /** @returns whether it was there. */
  remove(job: Job): boolean;
  /** The bucket whose first job goes next, or undefined if there is none that may. */
  next(rights: Rights): Bucket | undefined;
  /** Id of the next job as far as `rights` let one go, or undefined. */
  peek(rights?: Rights): number | undefined;
  /** Rank of the first job, whoever may run; only of a queue that is not empty. */
  headRank(): number;
  /** Mean time at which its jobs were submitted; only of a queue that is not empty. */
  meanArrivalMs(): number;
  /** Id of the job that was submitted first, whatever its rank, or undefined. */
  oldest(): number | undefined;
  /** Up to `limit` ids in order, whoever may run. */
  list(limit: number): number[];
  /** How many jobs come before this one by rank and age. O(n): for people, not for plans. */
  ahead(job: Job): number;
  /**
   * Another queue of the same jobs, good for as long as this one is not changed. Its accounts are those that `twinOf`
   * gives. O(buckets); a bucket's ids are copied when it changes.
   */
  copy(twinOf: (accounts: Bucket["accounts"]) => Bucket["accounts"]): LaneQueue;
}

/** An empty queue. */
export function createLaneQueue(): LaneQueue {
  return new BucketQueue();
}

class BucketQueue implements LaneQueue {
  private readonly buckets: Bucket[] = [];
  version = 0;
  private count = 0;
  /** Sum of arrival times, counted from `baseMs` so that it stays exact for a million jobs over decades. */
  private arrivals = 0;
  private baseMs = 0;

  get size(): number {
    return this.count;
  }

  add(job: Job): boolean {
    const bucket = this.bucketOf(rankOf(job), job.terms.accounts);
    const isFirst = bucket.live === 0;
    this.version += 1;
    insert(bucket, job.id);
    bucket.live += 1;
    if (this.count === 0) {
      this.baseMs = job.submittedAtMs;
      this.arrivals = 0;
    }
    this.count += 1;
    this.arrivals += job.submittedAtMs - this.baseMs;
    return isFirst;
  }

  remove(job: Job): boolean {
    const rank = rankOf(job);
    const bucket = this.buckets.find(
      (each) => each.rank === rank && areSame(each.accounts, job.terms.accounts),
    );
    if (!bucket) return false;
    const at = find(bucket, job.id);
    if (bucket.ids[at] !== job.id) return false;
    own(bucket);
    bucket.ids[at] = -job.id;
    bucket.live -= 1;
    this.version += 1;
    this.count -= 1;
    this.arrivals -= job.submittedAtMs - this.baseMs;
    if (bucket.live === 0) this.buckets.splice(this.buckets.indexOf(bucket), 1);
    else skipRemoved(bucket);
    return true;
  }

  next(rights: Rights): Bucket | undefined {
    let best: Bucket | undefined;
    let least = 0;
    for (const bucket of this.buckets) {
      if (best !== undefined && bucket.rank < best.rank) break;
      if (rights.isBlocked(bucket.accounts)) continue;
      if (best === undefined && isLastOfRank(this.buckets, bucket)) return bucket;
      const pressure = rights.pressure(bucket.accounts[0]);
      if (best === undefined || pressure < least || (pressure === least && first(bucket) < first(best))) {
        best = bucket;
        least = pressure;
      }
    }
    return best;
  }

  peek(rights: Rights = everybody): number | undefined {
    const bucket = this.next(rights);
    return bucket && first(bucket);
  }

  headRank(): number {
    return must(this.buckets[0], "an empty queue has no head").rank;
  }

  meanArrivalMs(): number {
    return this.baseMs + this.arrivals / this.count;
  }

  oldest(): number | undefined {
    if (this.count === 0) return undefined;
    return this.buckets.reduce((least, bucket) => Math.min(least, first(bucket)), Number.POSITIVE_INFINITY);
  }

  list(limit: number): number[] {
    const found: number[] = [];
    let at = 0;
    while (at < this.buckets.length && found.length < limit) {
      const { rank } = must(this.buckets[at], "a bucket");
      const equals: Bucket[] = [];
      for (; this.buckets[at]?.rank === rank; at++) equals.push(must(this.buckets[at], "a bucket"));
      mergeIds(equals, limit, found);
    }
    return found;
  }

  ahead(job: Job): number {
    const rank = rankOf(job);
    let count = 0;
    for (const bucket of this.buckets) {
      if (bucket.rank < rank) break;
      if (bucket.rank > rank) count += bucket.live;
      else
        for (let at = bucket.head; at < bucket.ids.length; at++)
          count += isBefore(bucket.ids[at], job.id) ? 1 : 0;
    }
    return count;
  }

  copy(twinOf: (accounts: Bucket["accounts"]) => Bucket["accounts"]): LaneQueue {
    const buckets = this.buckets.map((bucket): Bucket => {
      return { ...bucket, accounts: twinOf(bucket.accounts), isBorrowed: true };
    });
    return Object.assign(new BucketQueue(), this, { buckets });
  }

  private bucketOf(rank: number, accounts: Bucket["accounts"]): Bucket {
    let at = 0;
    for (; at < this.buckets.length; at++) {
      const bucket = must(this.buckets[at], "a bucket");
      if (bucket.rank < rank) break;
      if (bucket.rank === rank && areSame(bucket.accounts, accounts)) return bucket;
    }
    const fresh: Bucket = { rank, accounts, ids: [], head: 0, live: 0, isBorrowed: false };
    this.buckets.splice(at, 0, fresh);
    return fresh;
  }
}

function areSame(left: Bucket["accounts"], right: Bucket["accounts"]): boolean {
  if (left === right) return true;
  return left.length === right.length && left.every((account, index) => account === right[index]);
}

function isLastOfRank(buckets: readonly Bucket[], bucket: Bucket): boolean {
  const after = buckets[buckets.indexOf(bucket) + 1];
  return after === undefined || after.rank < bucket.rank;
}

/** Id of a bucket's first job. Its head always stands on one that is there. */
function first(bucket: Bucket): number {
  return bucket.ids[bucket.head] ?? 0;
}

function mergeIds(buckets: readonly Bucket[], limit: number, found: number[]): void {
  const heads = buckets.map((bucket) => bucket.head);
  while (found.length < limit) {
    let best = -1;
    let bestId = Number.POSITIVE_INFINITY;
    for (const [index, bucket] of buckets.entries()) {
      let at = heads[index] ?? 0;
      while ((bucket.ids[at] ?? 1) < 0) at += 1;
      heads[index] = at;
      const id = bucket.ids[at];
      if (id !== undefined && id < bestId) {
        best = index;
        bestId = id;
      }
    }
    if (best === -1) return;
    found.push(bestId);
    heads[best] = (heads[best] ?? 0) + 1;
  }
}

function isBefore(candidate: number | undefined, id: number): boolean {
  return candidate !== undefined && candidate > 0 && candidate < id;
}

/** Index of `id`, or of the first id after it. */
function find(bucket: Bucket, id: number): number {
  let low = bucket.head;
  let high = bucket.ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Math.abs(bucket.ids[middle] ?? 0) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

function insert(bucket: Bucket, id: number): void {
  // Almost always it is the newest; only jobs that come back (retried, released) are older.
  own(bucket);
  const last = bucket.ids.at(-1);
  if (last === undefined || Math.abs(last) < id) {
    bucket.ids.push(id);
    return;
  }
  const at = find(bucket, id);
  const found = bucket.ids[at];
  assert(found !== id, `job ${id} is queued twice`);
  if (found === -id) bucket.ids[at] = id;
  else bucket.ids.splice(at, 0, id);
}

/** Makes the ids the bucket's own, so that they may be changed. */
function own(bucket: Bucket): void {
  if (!bucket.isBorrowed) return;
  bucket.ids = bucket.ids.slice();
  bucket.isBorrowed = false;
}

/** Moves the head past removed jobs and gives the memory before it back now and then. */
function skipRemoved(bucket: Bucket): void {
  while ((bucket.ids[bucket.head] ?? 1) < 0) bucket.head += 1;
  if (bucket.head > 4096 && bucket.head * 2 > bucket.ids.length) {
    bucket.ids = bucket.ids.slice(bucket.head);
    bucket.head = 0;
  }
}
