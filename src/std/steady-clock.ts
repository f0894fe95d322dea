import type { Clock } from "./clock.ts";

/**
 * A clock for schedules: begins at the wall's time and from then on never jumps, however the host's clock is set.
 * Limits and timeouts neither expire by the dozen nor stall; shown times are off by what the clock was wrong at start.
 */
export function createSteadyClock(base: Clock): Clock {
  const offsetMs = base.nowMs() - base.monotonicMs();
  return { nowMs: () => Math.floor(offsetMs + base.monotonicMs()), monotonicMs: () => base.monotonicMs() };
}
