import type { Ending, Job } from "./job-model.ts";
import { lookAgainBy } from "./job-transitions.ts";
import { log, type Transition } from "./transition.ts";
import type { StopReason } from "./worker-phase.ts";
import { stop } from "./worker-transitions.ts";

function reasonOf(ending: Ending): StopReason {
  return ending === "preempted" ? "preempted" : "job-ended";
}

/** Stops a running job: by word to its worker, or by stopping the worker if the job is all it does. */
export function endEarly(tx: Transition, job: Job, ending: Ending): void {
  if (job.phase.state === "starting") {
    job.phase = {
      state: "running",
      worker: job.phase.worker,
      startedAtMs: tx.nowMs,
      ending: { how: ending, sinceMs: tx.nowMs },
    };
    tx.changes.jobs.add(job);
    stop(tx, job.phase.worker, reasonOf(ending));
    return;
  }
  if (job.phase.state !== "running") return;
  const before = job.phase.ending;
  // A job that makes way can still be cancelled or miss its deadline: then it does not come back.
  if (before !== null && (before.how !== "preempted" || ending === "preempted")) return;
  job.phase = { ...job.phase, ending: { how: ending, sinceMs: before?.sinceMs ?? tx.nowMs } };
  tx.changes.jobs.add(job);
  if (before !== null) return;
  const { worker } = job.phase;
  log(tx, "job-ending", `job ${job.id} is being stopped (${ending})`, { job, worker });
  if (worker.lane.spec.residency === "one-shot") return stop(tx, worker, reasonOf(ending));
  tx.effects.push({ type: "cancel-job", workerId: worker.id, jobId: job.id });
  lookAgainBy(tx.state, tx.nowMs + worker.lane.spec.stopTimeoutMs);
}
