import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { type Clock, systemClock } from "../std/clock.ts";

export interface UserNamesOptions {
  readonly clock?: Clock;
  readonly passwdFile?: string;
  /** The program that asks the host's other directories of users (LDAP, SSSD). */
  readonly getent?: string;
}

/** Gives the account name of a uid; null when no directory knows it. Never rejects. */
export type UserNames = (uid: number) => Promise<string | null>;

/** A directory on the network that is down may cost this much, and not again for `missMs`. */
const getentTimeoutMs = 500;
const missMs = 600_000;

/**
 * Names uids: by /etc/passwd, and by getent for the accounts that are not in there. What is found is kept for good,
 * what is not for ten minutes: starting a program from a daemon with much memory takes tens of milliseconds.
 */
export function createUserNames(options: UserNamesOptions = {}): UserNames {
  const { clock = systemClock, passwdFile = "/etc/passwd", getent = "getent" } = options;
  const known = new Map<number, { readonly name: Promise<string | null>; untilMs: number }>();
  return (uid) => {
    const entry = known.get(uid);
    if (entry && clock.monotonicMs() < entry.untilMs) return entry.name;
    const name = lookUp(uid, passwdFile, getent);
    const fresh = { name, untilMs: clock.monotonicMs() + missMs };
    known.set(uid, fresh);
    void name.then((found) => {
      if (found !== null) fresh.untilMs = Number.POSITIVE_INFINITY;
    });
    return name;
  };
}

async function lookUp(uid: number, passwdFile: string, getent: string): Promise<string | null> {
  const passwd = await readFile(passwdFile, "utf8").catch(() => "");
  return findName(passwd, uid) ?? findName(await askGetent(getent, uid), uid);
}

/** The name in the line of passwd(5) with this uid, its third field. */
function findName(passwd: string, uid: number): string | null {
  for (const line of passwd.split("\n")) {
    const [name, , id] = line.split(":");
    if (name && id === String(uid)) return name;
  }
  return null;
}

function askGetent(getent: string, uid: number): Promise<string> {
  const options = { timeout: getentTimeoutMs, killSignal: "SIGKILL" } as const;
  return new Promise((resolve) => {
    execFile(getent, ["passwd", String(uid)], options, (_error, stdout) => resolve(stdout));
  });
}
