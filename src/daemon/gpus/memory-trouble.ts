import fs from "node:fs";
import { saysOutOfMemory } from "../../worker/out-of-memory.ts";
import { readTail } from "../logs/last-lines.ts";

/** Launchers of several processes (torchrun) print some screens of their own after the program's last words. */
const WORDS_BYTES = 16 * 1024;

/** 128 + SIGKILL, which is all that the kernel's killer leaves. */
export const KILLED_EXIT_CODE = 137;

/** Whether a program that failed ran out of GPU memory, by the end of its log. */
export function ranOutOfMemory(exitCode: number | null, logPath: string): boolean {
  return exitCode !== null && exitCode !== 0 && saysOutOfMemory(readTail(logPath, WORDS_BYTES));
}

/** Notices programs that the kernel killed because the host's memory ran out. */
export interface HostMemory {
  /** Whether a program that ended with this code just now was killed so. To be asked once for each end. */
  wasKilled(exitCode: number | null): boolean;
}

/**
 * Counts the kernel's kills from now on. They are known by number only, so a kill of somebody else's program between
 * two ends of ours can be mistaken for one of ours, if ours ended by SIGKILL too.
 * @param readCount the kills so far; null = the kernel does not tell
 */
export function watchHostMemory(readCount: () => number | null = readKills): HostMemory {
  let seen = readCount();
  return {
    wasKilled(exitCode) {
      if (exitCode !== KILLED_EXIT_CODE) return false;
      const count = readCount();
      const hasGrown = count !== null && seen !== null && count > seen;
      seen = count;
      return hasGrown;
    },
  };
}

/** Kills of the cgroup that we are in (cgroup v2, memory.events), else of the host (proc_vmstat(5), Linux 4.13). */
function readKills(): number | null {
  const own = /^0::(\/.*)$/m.exec(readText("/proc/self/cgroup"))?.[1] ?? "/";
  return parseKills(readText(`/sys/fs/cgroup${own}/memory.events`)) ?? parseKills(readText("/proc/vmstat"));
}

/** The value of the line "oom_kill N". */
export function parseKills(text: string): number | null {
  const count = /^oom_kill (\d+)$/m.exec(text)?.[1];
  return count === undefined ? null : Number(count);
}

/** What the file says; "" when there is none. */
function readText(path: string): string {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
