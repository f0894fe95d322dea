import type { Caller } from "../protocol/operation.ts";
import { Failure } from "../std/failure.ts";

interface Owned {
  readonly id: number;
  readonly uid: number;
  readonly user: string;
  /** What it is, unless it is a job. */
  readonly what?: string;
}

/**
 * A job may be changed by the user who submitted it, by the daemon's own user and by root.
 * @param daemonUid uid of the daemon's own user
 * @throws Failure permission/denied
 */
export function refuseStranger(daemonUid: number, job: Owned, caller: Pick<Caller, "uid" | "user">): void {
  if (caller.uid === job.uid || caller.uid === daemonUid || caller.uid === 0) return;
  throw new Failure("permission/denied", `${job.what ?? `job ${job.id}`} belongs to ${job.user}`, {
    why: `the caller is ${caller.user}`,
    hint: `ask ${job.user}, or who runs the daemon`,
  });
}
