import { readProcFile } from "./proc-file.ts";

/** What can be seen of a worker's processes from outside. */
export interface Vitals {
  /** User and system time they have used so far, in clock ticks (1/100 s on Linux). */
  readonly cpuTicks: number;
  /** One of them is stopped: by SIGSTOP, a terminal or a debugger. */
  readonly isStopped: boolean;
}

/** Looks at these processes; those that have ended count as nothing. */
export function readVitals(pids: readonly number[]): Vitals {
  let cpuTicks = 0;
  let isStopped = false;
  for (const pid of pids) {
    const line = readProcFile(pid, "stat")?.toString("latin1");
    if (line === undefined) continue;
    // Fields are counted from the end of the name, which is field 2: state is 3, utime 14, stime 15; proc_pid_stat(5).
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    cpuTicks += Number(fields[11]) + Number(fields[12]);
    if (fields[0] === "T" || fields[0] === "t") isStopped = true;
  }
  return { cpuTicks, isStopped };
}
