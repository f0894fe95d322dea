import { readProcFile } from "./proc-file.ts";

/** Memory of the host that processes have in use (VmRSS of /proc/PID/status, proc(5)). Those that have ended count as nothing. Bytes. */
export function readResidentBytes(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const text = readProcFile(pid, "status")?.toString("latin1") ?? "";
    return sum + Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
  }, 0);
}
