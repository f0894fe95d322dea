import type { Caller, Who } from "../protocol/operation.ts";
import { Failure } from "../std/failure.ts";

interface Owned {
  readonly id: number;
  readonly uid: number;
  readonly user: string;
  /** What it is, unless it is a job. */
  readonly what?: string;
}

/**
 * A job may be changed by the user who submitted it, by the daemon's own user, by root and by admins; with a key of one of
 * these, only by whoever's job it is, unless the key is an admin's.
 * @param daemonUid uid of the daemon's own user
 * @throws Failure permission/denied
 */
export function refuseStranger(
  daemonUid: number,
  job: Owned,
  caller: Pick<Caller, "uid" | "user" | "isAdmin" | "key">,
): void {
  if (caller.uid === job.uid || caller.isAdmin === true) return;
  if (caller.key === undefined && (caller.uid === daemonUid || caller.uid === 0)) return;
  throw new Failure("permission/denied", `${job.what ?? `job ${job.id}`} belongs to ${job.user}`, {
    why: `the caller is ${caller.user}`,
    hint: `ask ${job.user}, or who runs the daemon`,
  });
}

/**
 * What an operation's `who` asks of its caller, as far as that is known before its input is looked at: whether a job is
 * the caller's own, an operation for owners finds out itself.
 * @throws Failure permission/denied
 */
export function refuseUnlessAllowed(who: Who, summary: string, caller: Caller): void {
  if (who !== "admins" || caller.isAdmin === true) return;
  throw new Failure("permission/denied", `${caller.user} may not do that: it is for admins`, {
    why: `asked for: ${summary}`,
    hint: "ask who runs the daemon; admins are the members of a group that its config names",
  });
}
