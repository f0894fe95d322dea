import fs from "node:fs";
import path from "node:path";
import type { JobRow } from "../../store/queries.ts";
import type { World } from "../world.ts";
import type { Account } from "./accounts.ts";

/** Gives a file or folder to a user. A link is given itself, never what it leads to. */
export function giveTo(file: string, { uid, gid }: Pick<Account, "uid" | "gid">): void {
  fs.lchownSync(file, uid, gid);
}

/**
 * Makes the folder of a job. With several users it stays root's: in a folder of their own a user could put a link where the
 * daemon, which is root, will write a log. What lies in it is the user's, and reached by name.
 */
export function makeJobFolder({ users }: Pick<World, "users">, dir: string): void {
  const mode = users === null ? 0o700 : 0o711;
  fs.mkdirSync(dir, { recursive: true, mode });
  if (users === null) return;
  // Also the folder of a thousand jobs above it, and whatever a strict umask made of both.
  for (const each of [dir, path.dirname(dir)]) fs.chmodSync(each, mode);
}

/** Makes the output folder of a job whose worker is not to make it itself, for whoever runs that worker. */
export function openOutput(world: World, jobId: number): void {
  const worker = world.users?.worker;
  if (!worker) return;
  const dir = world.places.jobOutputDir(jobId);
  makeJobFolder(world, path.dirname(dir));
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  giveTo(dir, worker.account);
}

/** Once a run is over its log and output are its user's: the worker cannot get into the folder any more. */
export function handOverOutput(world: World, job: Pick<JobRow, "id" | "uid">, attempt: number): void {
  const { users, places, log } = world;
  if (users === null) return;
  const owner = { uid: job.uid, gid: users.accounts.known(job.uid)?.gid ?? 0 };
  const dir = places.jobOutputDir(job.id);
  const logFile = places.attemptLog(job.id, attempt);
  try {
    if (fs.existsSync(logFile)) giveTo(logFile, owner);
    if (!fs.existsSync(dir)) return;
    if (fs.readdirSync(dir).length === 0) fs.rmdirSync(dir);
    else giveTo(dir, owner);
  } catch (error) {
    log.warn({ jobId: job.id, err: error }, "the output of a job could not be given to its user");
  }
}
