import type { Condition, Ending, Job } from "./job-model.ts";
import type { JobEnd } from "./transition.ts";

/** A job's end, without what `endJob` knows itself. */
export type End = Omit<JobEnd, "job" | "atMs">;

/** Whether an end is what a dependent asked for. */
export function isMet(condition: Condition, outcome: JobEnd["state"]): boolean {
  if (condition === "any") return true;
  return condition === "succeeded" ? outcome === "succeeded" : outcome === "failed";
}

/** Why a job ends that waited for one which ended otherwise than it asked for. */
export function unmet(job: Job, condition: Condition, end: End): End["reason"] {
  const how = end.state === "cancelled" ? "was cancelled" : end.state;
  const wish = condition === "failed" ? " and not failed" : "";
  return { code: "dependency-failed", text: `job ${job.id}, which it waited for, ${how}${wish}` };
}

export const cancelledEnd = { state: "cancelled", exitCode: null, output: null, artifacts: null } as const;

/** How a job ends that was stopped before its time. Preempted ones do not end. */
export function endingOf(ending: Exclude<Ending, "preempted">, timeLimitMs: number | null): End {
  if (ending === "cancelled")
    return { ...cancelledEnd, reason: { code: "cancelled", text: "cancelled on request" } };
  if (ending === "deadline") return missedDeadline("it was still running at its deadline");
  const text = `it ran longer than its time limit of ${(timeLimitMs ?? 0) / 1000} s`;
  return { ...cancelledEnd, state: "failed", exitCode: 124, reason: { code: "time-limit", text } };
}

/** The end of a job that was not done in time. */
export function missedDeadline(text: string): End {
  return { ...cancelledEnd, state: "failed", exitCode: 124, reason: { code: "deadline", text } };
}
