import { accessSync, chmodSync, constants, existsSync } from "node:fs";
import path from "node:path";
import type { Config } from "../../config/config.ts";
import type { Paths } from "../../config/paths.ts";
import { makePrivateDir } from "../../config/run-dir.ts";
import type { RunAs } from "../../engine/run-as.ts";
import type { UsersRule } from "../../operations/context.ts";
import type { FoundRuntime } from "../../runtime/discover.ts";
import type { Clock } from "../../std/clock.ts";
import { Failure } from "../../std/failure.ts";
import { sharedRunDir, sharedSocketsDir } from "../places.ts";
import { type Account, type Accounts, createAccounts, gidOf, uidOf } from "./accounts.ts";
import { type Admit, admitMembers } from "./admit.ts";
import { mayRead } from "./may-read.ts";
import { giveTo } from "./ownership.ts";

/** What a daemon that serves several users needs; see SECURITY.md. */
export interface Users {
  readonly admit: Admit;
  /** Of the group that is served: the socket is its. */
  readonly gid: number;
  /** Of the group whose members are admins; null = root alone is one. */
  readonly adminsGid: number | null;
  readonly accounts: Accounts;
  /** Who runs the workers of runtimes; null = nobody does. */
  readonly worker: UserToBe | null;
  readonly rule: UsersRule;
  /** As whom the programs of a user are run. @throws Failure permission/denied */
  runAs(uid: number): Promise<UserToBe>;
}

/** A user, and how programs are run as that one. */
export interface UserToBe {
  readonly account: Account;
  readonly runAs: RunAs;
}

type UsersConfig = Pick<Config, "group" | "admins" | "allowRootJobs" | "workerUser">;

/**
 * Checks that several users can be served as the config asks, so that a daemon that could not keep them apart never starts.
 * @param canIdentify whether the kernel's word on callers can be had
 * @returns null when the config names no group: then one user is served
 * @throws Failure config/invalid, native/missing, engine/unavailable
 */
export async function openUsers(
  config: UsersConfig,
  host: { readonly uid: number; readonly canIdentify: boolean; readonly clock: Clock },
): Promise<Users | null> {
  const { group, admins, allowRootJobs, workerUser } = config;
  if (group === null) {
    refuseWithoutGroup(config);
    return null;
  }
  refuseWeakHost(group, host);
  const setpriv = findSetpriv();
  const accounts = createAccounts(host.clock);
  const gid = await findGroup("group", group);
  const adminsGid = admins === null ? null : await findGroup("admins", admins);
  const toBe = (account: Account): UserToBe => ({
    account,
    runAs: { setpriv, uid: account.uid, gid: account.gid },
  });
  const worker = workerUser === null ? null : toBe(await findWorkerUser(accounts, workerUser));
  const admit = admitMembers({ accounts, group, admins });
  return {
    gid,
    adminsGid,
    accounts,
    worker,
    admit,
    rule: {
      allowRootJobs,
      workerUser,
      uidOf,
      know: async (uid) => void (await admit({ uid, user: `uid ${uid}`, pid: 0 })),
      mayReadFile: (uid, file) => mayRead(accounts.known(uid), file),
    },
    async runAs(uid) {
      if (uid === 0 && !allowRootJobs) throw rootRefused();
      const account = await accounts.lookUp(uid);
      if (account !== null) return toBe(account);
      throw new Failure("permission/denied", `uid ${uid} is no user of this host, or cannot be looked up`, {
        why: "a job runs as the user who submitted it, with that user's groups",
        hint: `getent passwd ${uid}`,
      });
    },
  };
}

function rootRefused(): Failure {
  return new Failure("permission/denied", "root's jobs are refused", {
    why: "a job runs as the user who submitted it",
    hint: "set allowRootJobs: true in config.yaml",
  });
}

/**
 * Who runs the workers of a runtime.
 * @throws Failure engine/unavailable where nobody may: what builds an environment for one must not run as root either
 */
export function workerUserFor({ worker }: Users): UserToBe {
  if (worker !== null) return worker;
  throw new Failure("engine/unavailable", "workers of runtimes have no user to run as", {
    why: "this daemon is root and serves several users",
    hint: "set workerUser: NAME in config.yaml",
  });
}

/** Whether workers of a runtime can be run at all: where not, none is kept either. */
export function canRun(users: Users | null, found: FoundRuntime): boolean {
  return users === null || ("runtime" in found && users.worker !== null);
}

/** A config that means to keep users apart and does not is refused rather than half obeyed. */
function refuseWithoutGroup({ admins, allowRootJobs, workerUser }: UsersConfig): void {
  const key =
    admins !== null ? "admins" : workerUser !== null ? "workerUser" : allowRootJobs ? "allowRootJobs" : null;
  if (key === null) return;
  throw new Failure("config/invalid", `${key} is set, and group is not`, {
    why: "it is for a daemon that serves the members of a group",
    hint: `add "group: NAME", or leave ${key} out`,
  });
}

function refuseWeakHost(group: string, host: { readonly uid: number; readonly canIdentify: boolean }): void {
  if (host.uid !== 0) {
    throw new Failure("config/invalid", `group: ${group} is for a daemon of root`, {
      why: "only root can run programs as the users who submitted them",
      hint: "run it as a service of the system, or leave group out for a daemon of your own",
    });
  }
  if (host.canIdentify) return;
  throw new Failure("native/missing", "callers cannot be told apart", {
    why: "koffi, which asks the kernel who they are, cannot be loaded",
    hint: "npm rebuild koffi, or leave group out",
  });
}

/** Folders of the host's own programs: a PATH that somebody sets must not choose who becomes root's hand. */
const SYSTEM_FOLDERS = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/run/current-system/sw/bin"];

function findSetpriv(): string {
  for (const folder of SYSTEM_FOLDERS) {
    const file = path.join(folder, "setpriv");
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // The next folder may have it.
    }
  }
  throw new Failure("engine/unavailable", "setpriv is not installed", {
    why: "programs are run as the users who submitted them by it",
    hint: "apt-get install util-linux",
  });
}

async function findGroup(key: string, name: string): Promise<number> {
  const gid = await gidOf(name);
  if (gid !== null) return gid;
  throw new Failure("config/invalid", `${key}: there is no group ${name} on this host`, {
    hint: `groupadd --system ${name}`,
  });
}

async function findWorkerUser(accounts: Accounts, name: string): Promise<Account> {
  const uid = await uidOf(name);
  const account = uid === null ? null : await accounts.lookUp(uid);
  if (account !== null) return account;
  throw new Failure("config/invalid", `workerUser: there is no user ${name} on this host`, {
    hint: `useradd --system --create-home ${name}`,
  });
}

/**
 * Makes the folders of the state ready for several users: what belongs to a user is reached by name, and nothing is listed;
 * what workers of runtimes write is theirs.
 */
export function openFolders(paths: Paths, users: Users): void {
  // Whoever can read the lock file can hold a lock on it, and keep the next daemon from starting.
  for (const file of [paths.lockFile, `${paths.lockFile}-journal`])
    if (existsSync(file)) chmodSync(file, 0o600);
  for (const dir of [paths.stateDir, paths.jobsDir, paths.workersDir, paths.cacheDir]) chmodSync(dir, 0o711);
  makePrivateDir(sharedRunDir(paths));
  chmodSync(sharedRunDir(paths), 0o711);
  const { worker } = users;
  if (worker === null) return;
  const venvs = path.join(paths.cacheDir, "venvs");
  for (const dir of [sharedSocketsDir(paths), venvs]) {
    makePrivateDir(dir);
    giveTo(dir, worker.account);
  }
}
