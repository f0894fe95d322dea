import { readFile } from "node:fs/promises";

/** Whose program a pid is. Null where /proc does not tell (it ended, or /proc is mounted with hidepid). */
export interface ProcessOwner {
  readonly name: string | null;
  /** The real user id. */
  readonly uid: number | null;
}

/** Reads name and real uid of `pid` from /proc/PID/status (proc(5)). Never rejects. */
export async function readProcessOwner(pid: number): Promise<ProcessOwner> {
  const text = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const uid = /^Uid:\s+(\d+)/m.exec(text)?.[1];
  return { name: /^Name:\s+(.+)$/m.exec(text)?.[1] ?? null, uid: uid === undefined ? null : Number(uid) };
}
