import { readFile } from "node:fs/promises";
import type { Clock } from "../std/clock.ts";

/** USER_HZ: in /proc a second has 100 ticks on every architecture that Node runs on. */
const msPerTick = 10;

/** The two files are read one after the other, and in steps of 10 ms: a new process may seem not to be born yet. */
const toleranceMs = 100;

/** When a process started, and whether it still runs. */
export interface ProcessStart {
  /** Milliseconds since the epoch, true to some 20 ms; null where the host's uptime does not fit (LXCFS). */
  readonly startedAtMs: number | null;
  /** False for a zombie: its memory is gone, only the exit status is left. */
  readonly isRunning: boolean;
}

/**
 * Reads the start of `pid` from /proc/PID/stat and /proc/uptime (proc(5)); null when /proc shows no such process.
 * Both count from boot, so that setting the host's clock does not make a process older. Never rejects.
 */
export async function readProcessStart(pid: number, clock: Clock): Promise<ProcessStart | null> {
  const [stat, uptime] = await Promise.all([readText(`/proc/${pid}/stat`), readText("/proc/uptime")]);
  // The second field is the program's name in parentheses and may itself hold some; so count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const startTicks = Number(fields[19]);
  if (fields.length < 20 || !Number.isSafeInteger(startTicks)) return null;
  const ageMs = Number.parseFloat(uptime) * 1000 - startTicks * msPerTick;
  return {
    startedAtMs: ageMs >= -toleranceMs ? Math.round(clock.nowMs() - Math.max(0, ageMs)) : null,
    isRunning: fields[0] !== "Z" && fields[0] !== "X",
  };
}

/** Latin-1, because a program's name is bytes and need not be valid UTF-8; empty when it cannot be read. */
function readText(path: string): Promise<string> {
  return readFile(path, "latin1").catch(() => "");
}
