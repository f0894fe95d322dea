import { assert } from "../std/assert.ts";

/** Jobs of one priority in order of their ids, which is order of age. A removed job leaves its id negated. */
interface Bucket {
  readonly priority: number;
  ids: number[];
  head: number;
  live: number;
}

/**
 * The waiting jobs of one lane: highest priority first, oldest first within it. Only ids are kept (8 bytes a job).
 * Adding at the end and taking from the front cost O(1), anything else O(log n) plus at worst one array shift.
 */
export interface LaneQueue {
  readonly size: number;
  add(id: number, priority: number): void;
  /** Id of the next job, or undefined. */
  peek(): number | undefined;
  /** Priority of the next job; only of a queue that is not empty. */
  headPriority(): number;
  /** @returns whether it was there. */
  remove(id: number, priority: number): boolean;
  /** Up to `limit` ids in order. */
  list(limit: number): number[];
  /** How many jobs come before this one. O(n): for people, not for plans. */
  ahead(id: number, priority: number): number;
}

/** An empty queue. */
export function createLaneQueue(): LaneQueue {
  const buckets: Bucket[] = [];
  let size = 0;

  const bucketOf = (priority: number): Bucket => {
    let at = buckets.findIndex((bucket) => bucket.priority <= priority);
    if (at === -1) at = buckets.length;
    const found = buckets[at];
    if (found?.priority === priority) return found;
    const fresh: Bucket = { priority, ids: [], head: 0, live: 0 };
    buckets.splice(at, 0, fresh);
    return fresh;
  };
  const front = (): Bucket | undefined => {
    const first = buckets[0];
    if (first) skipRemoved(first);
    return first;
  };

  return {
    get size() {
      return size;
    },
    add(id, priority) {
      const bucket = bucketOf(priority);
      insert(bucket, id);
      bucket.live += 1;
      size += 1;
    },
    peek() {
      const first = front();
      return first?.ids[first.head];
    },
    headPriority() {
      const first = buckets[0];
      assert(first, "an empty queue has no head");
      return first.priority;
    },
    remove(id, priority) {
      const bucket = buckets.find((candidate) => candidate.priority === priority);
      if (!bucket) return false;
      const at = find(bucket, id);
      if (bucket.ids[at] !== id) return false;
      bucket.ids[at] = -id;
      bucket.live -= 1;
      size -= 1;
      if (bucket.live === 0) buckets.splice(buckets.indexOf(bucket), 1);
      return true;
    },
    list: (limit) => listIds(buckets, limit),
    ahead: (id, priority) => countAhead(buckets, id, priority),
  };
}

function listIds(buckets: readonly Bucket[], limit: number): number[] {
  const found: number[] = [];
  for (const bucket of buckets) {
    for (let at = bucket.head; at < bucket.ids.length && found.length < limit; at++) {
      const id = bucket.ids[at] ?? 0;
      if (id > 0) found.push(id);
    }
  }
  return found;
}

function countAhead(buckets: readonly Bucket[], id: number, priority: number): number {
  let count = 0;
  for (const bucket of buckets) {
    if (bucket.priority < priority) break;
    if (bucket.priority > priority) count += bucket.live;
    else
      for (let at = bucket.head; at < bucket.ids.length; at++) count += isBefore(bucket.ids[at], id) ? 1 : 0;
  }
  return count;
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
  const at = find(bucket, id);
  const found = bucket.ids[at];
  assert(found !== id, `job ${id} is queued twice`);
  if (found === -id) bucket.ids[at] = id;
  else if (at === bucket.ids.length) bucket.ids.push(id);
  else bucket.ids.splice(at, 0, id);
}

/** Moves the head past removed jobs and gives the memory before it back now and then. */
function skipRemoved(bucket: Bucket): void {
  while ((bucket.ids[bucket.head] ?? 1) < 0) bucket.head += 1;
  if (bucket.head > 4096 && bucket.head * 2 > bucket.ids.length) {
    bucket.ids = bucket.ids.slice(bucket.head);
    bucket.head = 0;
  }
}
