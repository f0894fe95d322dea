import fs from "node:fs";
import type { Logger } from "pino";
import type { Clock } from "../std/clock.ts";

/** Knows how long the event loop stood still: while it does nobody is answered and nothing is noticed. */
export interface LoopWatch {
  /** Does `work` and remembers `what` it was, in case the loop stood still for it. */
  run(what: string, work: () => void): void;
  /** The longest the loop stood still since this was last asked, in milliseconds. */
  longestMs(): number;
  /** Tells every 20 ms how late the loop came to look, in milliseconds. */
  listen(hear: (lateMs: number) => void): void;
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
  const cpu = openCpuClock();
  let tickAtMs = clock.monotonicMs();
  let tickCpuMs = cpu.nowMs();
  let longestMs = 0;
  let hear = (_lateMs: number): void => {};
  /** The longest work since the last tick. */
  let work = { what: "no step of the scheduler", tookMs: 0 };
  const tick = (): void => {
    const nowMs = clock.monotonicMs();
    const nowCpuMs = cpu.nowMs();
    const stallMs = Math.round(nowMs - tickAtMs - TICK_MS);
    hear(nowMs - tickAtMs - TICK_MS);
    // Little of it: the machine was busy with others, or the disk was slow.
    const cpuMs = Math.round(nowCpuMs - tickCpuMs);
    tickAtMs = nowMs;
    tickCpuMs = nowCpuMs;
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
    listen(listener) {
      hear = listener;
    },
    stop() {
      clearInterval(timer);
      cpu.close();
    },
  };
}

/** The first field of schedstat is nanoseconds on a core (sched-stats in the kernel's documentation); 20 digits at most. */
const SCHEDSTAT_BYTES = 64;

/**
 * CPU time of the loop's own thread, in milliseconds, by the kernel's ticks of a few ms: what the collector of garbage, the
 * disk's threads and the checkpoint use beside it is not counted. Of the whole process where the kernel does not say.
 */
function openCpuClock(): { nowMs(): number; close(): void } {
  const fd = openSchedstat();
  const buffer = Buffer.alloc(SCHEDSTAT_BYTES);
  return {
    nowMs() {
      if (fd === null) {
        const { user, system } = process.cpuUsage();
        return (user + system) / 1_000;
      }
      const text = buffer.toString("latin1", 0, fs.readSync(fd, buffer, 0, SCHEDSTAT_BYTES, 0));
      return Number.parseInt(text, 10) / 1e6;
    },
    close: () => void (fd !== null && fs.closeSync(fd)),
  };
}

/** The file of the process is that of its main thread, which is the loop's. */
function openSchedstat(): number | null {
  try {
    return fs.openSync(`/proc/${process.pid}/schedstat`, "r");
  } catch {
    return null;
  }
}
