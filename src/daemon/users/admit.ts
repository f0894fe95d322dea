import type { Caller } from "../../protocol/operation.ts";
import { Failure } from "../../std/failure.ts";
import type { Accounts } from "./accounts.ts";

/** Decides whether the daemon serves a caller, and who that is. Null = the kernel did not say. Rejects to refuse. */
export type Admit = (caller: Caller | null) => Promise<Caller>;

/** Serves the daemon's own user and root, to whom everything here belongs. */
export function admitOwner(owner: Pick<Caller, "uid" | "user">): Admit {
  return async (caller) => {
    if (caller !== null && (caller.uid === owner.uid || caller.uid === 0))
      return { ...caller, isAdmin: true };
    throw new Failure("permission/denied", `this daemon belongs to ${owner.user}`, {
      why: caller === null ? "the caller could not be identified" : `the caller is ${caller.user}`,
      hint: "orch up starts a daemon of your own",
    });
  };
}

export interface Membership {
  readonly accounts: Accounts;
  /** Whose members are served. */
  readonly group: string;
  /** Whose members see and change everything; null = root alone. */
  readonly admins: string | null;
}

/** Serves the members of a group, as the host knows them by the uid that the kernel names. */
export function admitMembers({ accounts, group, admins }: Membership): Admit {
  return async (caller) => {
    if (caller === null) throw refusal("the caller could not be identified");
    if (caller.uid === 0) return { ...caller, user: "root", isAdmin: true };
    const account = await accounts.lookUp(caller.uid);
    if (account === null) throw refusal(`uid ${caller.uid} could not be looked up on this host`);
    const { uid, user, groups } = account;
    const isAdmin = admins !== null && groups.includes(admins);
    if (isAdmin || groups.includes(group)) return { ...caller, uid, user, isAdmin };
    throw refusal(`${user} is not in the group ${group}`, `usermod -aG ${group} ${user}`);
  };
}

function refusal(why: string, hint = "ask who runs the daemon"): Failure {
  return new Failure("permission/denied", "this daemon serves the members of a group", { why, hint });
}
