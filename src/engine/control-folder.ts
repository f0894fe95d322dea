import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errnoOf, Failure } from "../std/failure.ts";
import type { Launch } from "./engine.ts";

/** What a supervisor says about itself in `pid`: its own pid and the worker it was started for. */
export interface PidRecord {
  readonly pid: number;
  readonly workerId: number;
}

const REVOKED = "revoked\n";
/** A supervisor writes its line right after it has made the file; one that takes longer was killed in between. */
const PID_LINE_DEADLINE_MS = 2_000;
const POLL_MS = 20;

/**
 * Makes the control folder, which serves one start.
 * @throws Failure engine/failed when the folder has been used before or cannot be made.
 */
export function makeControlFolder(launch: Launch): void {
  try {
    const made = mkdirSync(launch.dir, { recursive: true, mode: 0o750 });
    if (made !== undefined || !existsSync(join(launch.dir, "pid"))) return;
  } catch (error) {
    throw new Failure("engine/failed", `cannot make the control folder of worker ${launch.workerId}`, {
      why: error instanceof Error ? error.message : String(error),
      hint: "orch paths",
      cause: error,
    });
  }
  throw new Failure("engine/failed", `worker ${launch.workerId} was started before, or is never to start`, {
    why: `${launch.dir} has been used; a control folder serves one start`,
  });
}

/**
 * Makes sure that no supervisor ever starts a program for this folder, unless one already has. Both sides create
 * `pid` with O_EXCL, so exactly one of them wins, however late the other one is.
 * @returns true when it is revoked (now or earlier), false when a supervisor was first.
 */
export function revoke(dir: string): boolean {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o750 });
    writeFileSync(join(dir, "pid"), REVOKED, { flag: "wx" });
    return true;
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    return readPidText(dir) === REVOKED;
  }
}

/** The supervisor's own words in `pid`, or null when there is no whole line (yet) or the folder is revoked. */
export function readPidRecord(dir: string): PidRecord | null {
  const match = /^(\d+) (\d+)\n$/.exec(readPidText(dir));
  return match === null ? null : { pid: Number(match[1]), workerId: Number(match[2]) };
}

/** Like readPidRecord, but gives a supervisor that is just writing the time to finish its line. */
export async function waitForPidRecord(dir: string): Promise<PidRecord | null> {
  for (let waitedMs = 0; waitedMs < PID_LINE_DEADLINE_MS; waitedMs += POLL_MS) {
    const record = readPidRecord(dir);
    if (record !== null || readPidText(dir) === REVOKED) return record;
    await sleep(POLL_MS);
  }
  return null;
}

function readPidText(dir: string): string {
  try {
    return readFileSync(join(dir, "pid"), "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "";
    throw error;
  }
}
