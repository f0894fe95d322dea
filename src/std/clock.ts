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
