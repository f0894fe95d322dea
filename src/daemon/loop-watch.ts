import type { Logger } from "pino";
import type { Clock } from "../std/clock.ts";

/** Knows how long the event loop stood still: while it does nobody is answered and nothing is noticed. */
export interface LoopWatch {
  /** Does `work` and remembers `what` it was, in case the loop stood still for it. */
  run(what: string, work: () => void): void;
  /** The longest the loop stood still since this was last asked, in milliseconds. */
  longestMs(): number;
  stop(): void;
}

/** Promised to whoever waits for an answer. */
const STALL_MS = 50;
/** Worth a warning though the machine was busy with others, or stood still itself. */
const LONG_MS = 500;
const STALLED = "the event loop stood still";
/** A timer is due this often, and how late it comes is how long the loop stood still. Costs 10 µs each. */
const TICK_MS = 20;

/** Starts to watch this process's event loop. Stalls longer than 50 ms are logged with what was being done. */
export function watchLoop(log: Logger, clock: Clock): LoopWatch {
  let tickAtMs = clock.monotonicMs();
  let cpu = process.cpuUsage();
  let longestMs = 0;
  /** The longest work since the last tick. */
  let work = { what: "no step of the scheduler", tookMs: 0 };
  const tick = (): void => {
    const nowMs = clock.monotonicMs();
    const stallMs = Math.round(nowMs - tickAtMs - TICK_MS);
    // Little of it: the machine was busy with others, or the disk was slow.
    const { user, system } = process.cpuUsage(cpu);
    const cpuMs = Math.round((user + system) / 1000);
    tickAtMs = nowMs;
    cpu = process.cpuUsage();
    longestMs = Math.max(longestMs, stallMs);
    const isOurs = cpuMs > STALL_MS || stallMs > LONG_MS;
    if (stallMs > STALL_MS) log[isOurs ? "warn" : "debug"]({ stallMs, cpuMs, ...work }, STALLED);
    work = { what: "no step of the scheduler", tookMs: 0 };
  };
  const timer = setInterval(tick, TICK_MS).unref();
  return {
    run(what, act) {
      const startMs = clock.monotonicMs();
      try {
        act();
      } finally {
        const tookMs = Math.round(clock.monotonicMs() - startMs);
        if (tookMs > work.tookMs) work = { what, tookMs };
      }
    },
    longestMs() {
      const answerMs = longestMs;
      longestMs = 0;
      return answerMs;
    },
    stop: () => clearInterval(timer),
  };
}
