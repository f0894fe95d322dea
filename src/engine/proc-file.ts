import { readFileSync } from "node:fs";
import { errnoOf } from "../std/failure.ts";

/** What the kernel says when a process ended under our hands, or is not ours to read. */
const GONE_OR_FOREIGN = new Set(["ENOENT", "ESRCH", "EACCES", "EPERM"]);

/** The files of /proc/PID that are read. */
export type ProcFile = "stat" | "environ" | "status" | `task/${number}/children`;

/**
 * The contents of /proc/PID/NAME, or null when the process is gone or another user's. Any other trouble (no file
 * descriptors left) is thrown: it must never be taken for the end of a process.
 */
export function readProcFile(pid: number, name: ProcFile): Buffer | null {
  try {
    return readFileSync(`/proc/${pid}/${name}`);
  } catch (error) {
    if (GONE_OR_FOREIGN.has(errnoOf(error) ?? "")) return null;
    throw error;
  }
}
