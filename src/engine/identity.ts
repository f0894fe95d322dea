import { readFileSync } from "node:fs";
import { assert } from "../std/assert.ts";
import { errnoOf } from "../std/failure.ts";
import type { ProcessIdentity } from "./engine.ts";
import { readProcFile } from "./proc-file.ts";

/** The fields of /proc/PID/stat that orch needs; see proc_pid_stat(5). */
export interface ProcessStat {
  readonly pid: number;
  /** One letter; Z and X mean that only the exit status is left. */
  readonly state: string;
  readonly parentPid: number;
  readonly groupId: number;
  readonly sessionId: number;
  /** Field 22: clock ticks since boot. */
  readonly startTicks: number;
}

let bootId: string | undefined;

/** The kernel's random name of this boot: pids and start times mean nothing across boots. */
export function readBootId(): string {
  bootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return bootId;
}

/**
 * Reads one line of /proc/PID/stat, or null when it is not one. The second field is the program's name in
 * parentheses and may itself hold spaces and parentheses, so fields are counted from the last ")".
 */
export function parseStat(line: string): ProcessStat | null {
  const nameEnd = line.lastIndexOf(")");
  const fields = line.slice(nameEnd + 2).split(" ");
  const startTicks = Number(fields[19]);
  if (nameEnd < 0 || fields.length < 20 || !Number.isSafeInteger(startTicks)) return null;
  return {
    pid: Number.parseInt(line, 10),
    state: fields[0] ?? "?",
    parentPid: Number(fields[1]),
    groupId: Number(fields[2]),
    sessionId: Number(fields[3]),
    startTicks,
  };
}

/**
 * The process `pid` as the kernel sees it now, or null when there is none (any more).
 * @throws when the kernel could not be asked.
 */
export function readStat(pid: number): ProcessStat | null {
  // latin1: the program's name is bytes, not text, and need not be valid UTF-8.
  const line = readProcFile(pid, "stat")?.toString("latin1");
  return line === undefined ? null : parseStat(line);
}

/** True when the process still runs code; a zombie does not, even where PID 1 never reaps it. */
export function isRunning(stat: ProcessStat): boolean {
  return stat.state !== "Z" && stat.state !== "X";
}

/** The identity that belongs to a line of the process table. */
export function identityOf(stat: ProcessStat): ProcessIdentity {
  return { bootId: readBootId(), pid: stat.pid, startTicks: stat.startTicks };
}

/**
 * True while exactly this process runs: same boot, same start time, not a zombie. Also true when the kernel could
 * not be asked: a lease given back for a program that still runs is worse than one kept a moment longer.
 */
export function isAlive(identity: ProcessIdentity): boolean {
  try {
    return isSeen(identity);
  } catch {
    return true;
  }
}

function isSeen(identity: ProcessIdentity): boolean {
  if (identity.bootId !== readBootId()) return false;
  const stat = readStat(identity.pid);
  return stat !== null && stat.startTicks === identity.startTicks && isRunning(stat);
}

/**
 * Sends a signal to this process, or to the group that it leads, unless its pid belongs to somebody else by now.
 * Says whether it was sent. Node has no pidfd, so a window of microseconds between look and signal remains; the
 * kernel would have to hand out every other pid within it.
 */
export function sendSignal(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
  target: "process" | "group" = "process",
): boolean {
  assert(identity.pid > 1, `refusing to signal pid ${identity.pid}`);
  try {
    if (!isSeen(identity)) return false;
    process.kill(target === "group" ? -identity.pid : identity.pid, signal);
    return true;
  } catch (error) {
    // It ended meanwhile, it changed its user (setuid), or there are no file descriptors left to look at it. All
    // callers look again and repeat.
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
