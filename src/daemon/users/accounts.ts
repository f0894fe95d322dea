import type { Clock } from "../../std/clock.ts";
import { askHost } from "../ask-host.ts";

/** A user of the host, as its own files and directories have it. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly user: string;
  readonly home: string;
  readonly shell: string;
  /** Of all groups that the host says the user is in; never what a process has. */
  readonly groups: readonly string[];
  readonly gids: readonly number[];
}

/** Looks users up. Nothing that a client says is asked or believed. */
export interface Accounts {
  /** Null when the host does not know the user, or cannot tell now. Never rejects. */
  lookUp(uid: number): Promise<Account | null>;
  /** As last looked up, however long ago that was. */
  known(uid: number): Account | null;
}

/** Who has left a group is refused this much later at the latest. */
const KEEP_MS = 60_000;
/** A user whom the host did not name may have been added just now. */
const MISS_MS = 5_000;

interface Entry {
  readonly account: Account | null;
  readonly untilMs: number;
}

/** Asks `getent` and `id`, which know the host's directories as well as /etc/passwd. */
export function createAccounts(clock: Pick<Clock, "monotonicMs">): Accounts {
  const known = new Map<number, Entry>();
  const running = new Map<number, Promise<Account | null>>();
  const lookUp = async (uid: number): Promise<Account | null> => {
    const account = await askAccount(uid);
    known.set(uid, { account, untilMs: clock.monotonicMs() + (account === null ? MISS_MS : KEEP_MS) });
    running.delete(uid);
    return account;
  };
  return {
    known: (uid) => known.get(uid)?.account ?? null,
    lookUp(uid) {
      const entry = known.get(uid);
      if (entry !== undefined && clock.monotonicMs() < entry.untilMs) return Promise.resolve(entry.account);
      const lookup = running.get(uid) ?? lookUp(uid);
      running.set(uid, lookup);
      return lookup;
    },
  };
}

/** The uid of a user of this name; null when there is none. */
export async function uidOf(name: string): Promise<number | null> {
  const entry = parsePasswd(await askHost("getent", ["passwd", "--", name]));
  // getent takes digits for a uid.
  return entry?.user === name ? entry.uid : null;
}

/** The gid of a group of this name; null when there is none. */
export async function gidOf(name: string): Promise<number | null> {
  const [found, , gid] = (await askHost("getent", ["group", "--", name]))?.split(":") ?? [];
  return found === name && gid !== undefined && /^\d+$/.test(gid) ? Number(gid) : null;
}

async function askAccount(uid: number): Promise<Account | null> {
  // With the plus it is a number even where a user is called by digits.
  const user = `+${uid}`;
  const [passwd, names, numbers] = await Promise.all([
    askHost("getent", ["passwd", "--", String(uid)]),
    askHost("id", ["-Gnz", "--", user]),
    askHost("id", ["-Gz", "--", user]),
  ]);
  const entry = parsePasswd(passwd);
  if (entry?.uid !== uid || names === null || numbers === null) return null;
  return { ...entry, groups: words(names), gids: words(numbers).map(Number) };
}

function words(text: string): string[] {
  return text.split("\0").filter((word) => word !== "");
}

/** One line of passwd(5). */
function parsePasswd(text: string | null): Omit<Account, "groups" | "gids"> | null {
  const fields = (text ?? "").split("\n")[0]?.split(":") ?? [];
  const [user = "", , uid = "", gid = "", , home = "", shell = ""] = fields;
  if (user === "" || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return null;
  return {
    uid: Number(uid),
    gid: Number(gid),
    user,
    home: home === "" ? "/" : home,
    shell: shell === "" ? "/bin/sh" : shell,
  };
}
