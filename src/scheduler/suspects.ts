import type { Job } from "./job-model.ts";
import { extrasOf } from "./job-transitions.ts";
import type { Worker } from "./model.ts";
import type { Transition } from "./transition.ts";

/**
 * Jobs that were lost together are all suspected of having killed their worker, and are tried again one at a time: so the
 * one that did is found, and its neighbours come to no more harm.
 */
export function suspectAll(tx: Transition, { jobs }: Worker): void {
  if (jobs.size < 2) return;
  for (const job of jobs) {
    extrasOf(job).isSuspect = true;
    tx.changes.jobs.add(job);
  }
}

/** Whether the worker may take the job beside what it has: a suspect is alone with its worker. */
export function mayShare({ jobs }: Worker, job: Job): boolean {
  if (jobs.size === 0) return true;
  if (isSuspect(job)) return false;
  for (const other of jobs) if (isSuspect(other)) return false;
  return true;
}

function isSuspect({ extras }: Job): boolean {
  return extras?.isSuspect === true;
}
