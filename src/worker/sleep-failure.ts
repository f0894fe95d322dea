import { formatDurationMs } from "../std/duration.ts";
import { Failure } from "../std/failure.ts";

/**
 * The failure of a worker that did not fall asleep or wake up.
 * @param signal of the deadline; once it is over, that is the reason whatever the connection says
 */
export function sleepFailure(
  what: "sleep" | "wake",
  signal: AbortSignal,
  deadlineMs: number,
  why: string,
): Failure {
  const verb = what === "sleep" ? "fall asleep" : "wake up";
  const message = signal.aborted
    ? `the worker did not ${verb} within ${formatDurationMs(deadlineMs)}`
    : `the worker could not ${verb}`;
  return new Failure("worker/failed", message, { why: signal.aborted ? undefined : why });
}
