/** What is to be done in the world after the commit. Each is idempotent: after a crash it is derived again. */
export type Effect =
  /** Make what the lane's programs need (environment, image), or see that it is there. Reports lane-prepared or -failed. */
  | { readonly type: "prepare-lane"; readonly laneKey: string }
  /** Wait for the memory, start the program, wait until it is ready. Reports steps, then ready or exited. */
  | { readonly type: "start-worker"; readonly workerId: number }
  /** TERM, and KILL after the grace. Reports worker-exited. */
  | { readonly type: "stop-worker"; readonly workerId: number; readonly graceMs: number }
  /** Have it give its VRAM back. Reports worker-asleep or worker-sleep-failed, with the worker's fence. */
  | { readonly type: "sleep-worker"; readonly workerId: number }
  /** Wait for the memory, wake it, try whether it answers. Reports worker-woken or worker-sleep-failed, with the fence. */
  | { readonly type: "wake-worker"; readonly workerId: number }
  /** Hand a job to a ready worker, or attach to it again. Reports job-ended. */
  | { readonly type: "run-job"; readonly workerId: number; readonly jobId: number; readonly attempt: number }
  /** Ask a worker to give up a job. The end is reported by run-job. */
  | { readonly type: "cancel-job"; readonly workerId: number; readonly jobId: number };

/**
 * A schedule that has come due: its jobs are made and asked for, also if there are none. One that is not heard of is
 * handed out again.
 */
export interface Fire {
  readonly scheduleId: number;
  readonly plannedMs: number;
}
