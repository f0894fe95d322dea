import type { HoldPhase, Job } from "./job-model.ts";
import { log, type Transition } from "./transition.ts";

/** Logs that a held job is queued, and what had kept it; nothing if its array holds it at once. */
export function logFreed(tx: Transition, job: Job, before: HoldPhase): void {
  if (job.phase.state === "queued")
    log(tx, "job-queued", `job ${job.id} is queued: ${whyFree(job, before)}`, { job });
}

function whyFree(job: Job, { byPerson, after, untilMs, byArray }: HoldPhase): string {
  if (after.size > 0) return "what it waited for has ended";
  if (untilMs !== null) return job.attempts > 0 ? "it may be tried again" : "it may begin";
  if (byArray) return "there is room for it in its array";
  return byPerson ? "nobody holds it any more" : "nothing holds it any more";
}
