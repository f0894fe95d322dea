import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureSharedDir } from "../../../src/config/shared-dir.ts";
import {
  type Account,
  type Accounts,
  createAccounts,
  gidOf,
  uidOf,
} from "../../../src/daemon/users/accounts.ts";
import { admitMembers, admitOwner } from "../../../src/daemon/users/admit.ts";
import { mayRead } from "../../../src/daemon/users/may-read.ts";
import { openUsers } from "../../../src/daemon/users/users.ts";
import { systemClock } from "../../../src/std/clock.ts";
import { refusal } from "../../kit/refusal.ts";

const self = userInfo();
const isRoot = self.uid === 0;
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "orch-admit-"));
  chmodSync(dir, 0o755);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const account = (uid: number, user: string, groups: readonly string[]): Account => {
  return { uid, gid: uid, user, home: "/", shell: "/bin/sh", groups, gids: [uid] };
};

describe("whoever connects", () => {
  const host: Record<number, Account> = {
    1000: account(1000, "ada", ["gpu"]),
    1001: account(1001, "carol", ["gpu", "wheel"]),
    1002: account(1002, "eve", ["wheels", "gpus"]),
  };
  const accounts: Accounts = {
    lookUp: async (uid) => host[uid] ?? null,
    known: (uid) => host[uid] ?? null,
  };
  const admit = admitMembers({ accounts, group: "gpu", admins: "wheel" });
  /** What a client could have said of itself is overwritten by what the host says. */
  const caller = (uid: number) => ({ uid, user: "root", pid: 7, isAdmin: true });

  it("is served as a member, with the rights of that", async () => {
    expect(await admit(caller(1000))).toEqual({ uid: 1000, user: "ada", pid: 7, isAdmin: false });
    expect(await admit(caller(1001))).toEqual({ uid: 1001, user: "carol", pid: 7, isAdmin: true });
    expect(await admit(caller(0))).toEqual({ uid: 0, user: "root", pid: 7, isAdmin: true });
  });

  it.each([
    ["is in groups of similar names", caller(1002), "eve is not in the group gpu"],
    ["cannot be looked up", caller(4242), "uid 4242 could not be looked up on this host"],
    ["is not named by the kernel", null, "the caller could not be identified"],
  ])("is denied who %s", async (_what, who, why) => {
    expect((await refusal("permission/denied", admit(who))).why).toBe(why);
  });

  it("is the daemon's own user or root where there is no group", async () => {
    const owner = admitOwner({ uid: 1000, user: "ada" });
    expect(await owner({ uid: 1000, user: "ada", pid: 1 })).toMatchObject({ isAdmin: true });
    expect(await owner({ uid: 0, user: "root", pid: 1 })).toMatchObject({ isAdmin: true });
    await refusal("permission/denied", owner({ uid: 1001, user: "bob", pid: 1 }));
    await refusal("permission/denied", owner(null));
  });
});

describe("an account", () => {
  it("is looked up by uid, with its groups", async () => {
    const accounts = createAccounts(systemClock);
    expect(accounts.known(self.uid)).toBe(null);
    const found = await accounts.lookUp(self.uid);
    expect(found).toMatchObject({ uid: self.uid, gid: self.gid, user: self.username, home: self.homedir });
    expect(found?.gids).toContain(self.gid);
    expect(accounts.known(self.uid)).toBe(found);
  });

  it("that the host does not know is null", async () => {
    expect(await createAccounts(systemClock).lookUp(987_654)).toBe(null);
    expect([
      await uidOf("no-such-user"),
      await gidOf("no-such-group"),
      await uidOf("0"),
      await gidOf("0"),
    ]).toEqual([null, null, null, null]);
    expect([await uidOf("root"), await gidOf("root")]).toEqual([0, 0]);
  });
});

describe("a daemon that could not keep its users apart does not start", () => {
  const config = { group: "root", admins: null, allowRootJobs: false, workerUser: null };
  const host = { uid: 0, canIdentify: true, clock: systemClock };

  it.each([
    ["it is not root", config, { ...host, uid: 1000 }, "config/invalid"],
    ["callers cannot be identified", config, { ...host, canIdentify: false }, "native/missing"],
    ["there is no such group", { ...config, group: "no-such-group" }, host, "config/invalid"],
    ["there is no such group of admins", { ...config, admins: "no-such-group" }, host, "config/invalid"],
    ["there is no such user for workers", { ...config, workerUser: "no-such-user" }, host, "config/invalid"],
    ["admins are named without a group", { ...config, group: null, admins: "root" }, host, "config/invalid"],
    [
      "workers' user is named without a group",
      { ...config, group: null, workerUser: "root" },
      host,
      "config/invalid",
    ],
    [
      "root's jobs are allowed without a group",
      { ...config, group: null, allowRootJobs: true },
      host,
      "config/invalid",
    ],
  ] as const)("%s", async (_what, given, there, code) => {
    expect((await refusal(code, openUsers(given, there))).hint).toBeTruthy();
  });

  it("serves one user where no group is named, and runs nobody's programs as root unless told to", async () => {
    expect(await openUsers({ ...config, group: null }, host)).toBe(null);
    const users = await openUsers(config, host);
    await refusal("permission/denied", users?.runAs(0) ?? Promise.resolve());
    await refusal("permission/denied", users?.runAs(987_654) ?? Promise.resolve());
    const allowed = await openUsers({ ...config, allowRootJobs: true }, host);
    expect((await allowed?.runAs(0))?.runAs).toMatchObject({ uid: 0, gid: 0 });
  });
});

describe.skipIf(!isRoot)("the folder of a shared socket (only root can make one)", () => {
  it("is root's, of the group, and closed to others", () => {
    const run = join(dir, "run");
    for (const mode of [null, 0o777]) {
      if (mode !== null) chmodSync(run, mode);
      ensureSharedDir(run, 12);
      const { uid, gid, mode: made } = statSync(run);
      expect([uid, gid, made & 0o7777]).toEqual([0, 12, 0o750]);
    }
  });

  it.each([
    ["a folder that anybody may write to is above it", () => chmodSync(dir, 0o777)],
    ["even with the sticky bit, right above it", () => chmodSync(dir, 0o1777)],
    ["a group may write to the folder above it", () => chmodSync(dir, 0o775)],
    ["it is a link", () => symlinkSync("/tmp", join(dir, "run"))],
    ["it is a file", () => writeFileSync(join(dir, "run"), "")],
  ])("is refused where %s", async (_what, spoil) => {
    spoil();
    const make = async (): Promise<void> => ensureSharedDir(join(dir, "run"), 12);
    const failure = await make().catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: expect.stringMatching(/permission\/denied|state\/unwritable/) });
  });
});

describe("a file that a user names", () => {
  const eve = account(65_533, "eve", []);

  it.each([
    ["anybody may read it", 0o604, 0o755, eve, true],
    ["only its owner and group may", 0o640, 0o755, eve, false],
    ["its folder is closed", 0o644, 0o750, eve, false],
    ["it is the user's own", 0o400, 0o755, account(self.uid, "self", []), true],
    ["a group of the user's may", 0o040, 0o755, { ...eve, gids: [self.gid] }, true],
    ["the owner alone may not", 0o077, 0o755, { ...account(self.uid, "self", []), uid: self.uid }, isRoot],
  ])("is judged by its mode and that of its folders: %s", (_what, mode, folderMode, who, expected) => {
    const folder = join(dir, "folder");
    mkdirSync(folder);
    writeFileSync(join(folder, "file"), "");
    chmodSync(join(folder, "file"), mode);
    chmodSync(folder, folderMode);
    expect(mayRead(who, join(folder, "file"))).toBe(expected);
    symlinkSync(join(folder, "file"), join(dir, "link"));
    expect(mayRead(who, join(dir, "link"))).toBe(expected);
  });

  it("is none of a user's who is not known, and not there when it is not", () => {
    expect(mayRead(null, "/etc/passwd")).toBe(false);
    expect(mayRead(eve, "/etc/passwd")).toBe(true);
    expect(mayRead(eve, join(dir, "nowhere"))).toBe(false);
  });
});
