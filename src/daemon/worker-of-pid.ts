import fs from "node:fs";
import type { Hands } from "./hands.ts";

/** The worker whose session a process belongs to, or null. Programs are started as leaders of their own sessions. */
export function workerIdOf(pid: number, hands: Hands): number | null {
  const session = sessionOf(pid);
  if (session === null) return null;
  for (const hand of hands.all()) if (hand.identity?.pid === session) return hand.workerId;
  return null;
}

/** Field 6 of /proc/PID/stat (proc(5)); what comes before the last parenthesis is the program's name. */
function sessionOf(pid: number): number | null {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[3]);
  } catch {
    return null;
  }
}
