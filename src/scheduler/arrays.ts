import type { Job, JobArray } from "./job-model.ts";

/** Whether the job may be queued as far as its array goes; if so it counts as one that is on its way. */
export function enterArray(job: Job): boolean {
  const array = job.extras?.array ?? null;
  if (array === null || array.active.has(job.id)) return true;
  if (array.active.size >= array.maxActive) {
    array.waiting.add(job.id);
    return false;
  }
  array.active.add(job.id);
  return true;
}

/** Takes the next job of an array that has room for one more; undefined = there is none. */
export function takeNext(array: JobArray): number | undefined {
  if (array.active.size >= array.maxActive) return undefined;
  for (const id of array.waiting) {
    array.waiting.delete(id);
    return id;
  }
  return undefined;
}
