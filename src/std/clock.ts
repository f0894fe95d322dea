/** Time comes in through this door alone; the scheduler gets it as a field of its events. */
export interface Clock {
  /** Milliseconds since the Unix epoch; may jump when the host's clock is set. For timestamps people see. */
  nowMs(): number;
  /** Milliseconds on a clock that never jumps. For durations and deadlines within this process. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** Milliseconds since the host's boot on a clock that nobody sets; the same in all processes. The time asleep does not count. */
export function sinceBootMs(): number {
  // uv_hrtime is CLOCK_MONOTONIC, where performance.now() begins with the process.
  return Number(process.hrtime.bigint() / 1_000_000n);
}
