import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { resolvePaths } from "../../src/config/paths.ts";
import { ensureRunDir, verifyRunDir } from "../../src/config/run-dir.ts";

const at = (env: Record<string, string>, extra: { projectDir?: string } = {}) =>
  resolvePaths({ env: { HOME: "/home/ada", ...env }, cwd: "/work", uid: 1000, ...extra });

describe("resolvePaths", () => {
  it.each([
    [
      "nothing set",
      {},
      { configFile: "/home/ada/.config/orch/config.yaml", socket: "/tmp/orch-1000/orch.sock" },
    ],
    ["nothing set", {}, { stateDir: "/home/ada/.local/state/orch", cacheDir: "/home/ada/.cache/orch" }],
    ["XDG_RUNTIME_DIR", { XDG_RUNTIME_DIR: "/run/user/1000" }, { runDir: "/run/user/1000/orch" }],
    [
      "a relative XDG value is ignored",
      { XDG_STATE_HOME: "state" },
      { stateDir: "/home/ada/.local/state/orch" },
    ],
    ["XDG_CONFIG_HOME", { XDG_CONFIG_HOME: "/c" }, { configFile: "/c/orch/config.yaml" }],
    [
      "ORCH_HOME",
      { ORCH_HOME: "/o", XDG_STATE_HOME: "/s" },
      { stateDir: "/o/state", socket: "/o/run/orch.sock" },
    ],
    ["a relative ORCH_HOME", { ORCH_HOME: "o" }, { configFile: "/work/o/config.yaml", home: "/work/o" }],
    ["an empty ORCH_HOME", { ORCH_HOME: "" }, { home: null }],
    [
      "ORCH_SOCKET",
      { ORCH_HOME: "/o", ORCH_SOCKET: "my.sock" },
      { socket: "/work/my.sock", socketChosen: true },
    ],
  ])("%s", (_name, env, expected) => {
    expect(at(env)).toMatchObject(expected);
  });

  it("searches the project's runtimes first, and only when there is a project", () => {
    const origins = (dirs: readonly { origin: string }[]): string[] => dirs.map(({ origin }) => origin);
    expect(origins(at({}).runtimeDirs)).toEqual(["user", "system", "shipped"]);
    const { runtimeDirs } = at({}, { projectDir: "sub" });
    expect(origins(runtimeDirs)).toEqual(["project", "user", "system", "shipped"]);
    expect(statSync(join(runtimeDirs.at(-1)?.path ?? "", "..", "package.json")).isFile()).toBe(true);
  });

  it("takes a socket path of 107 bytes and refuses one of 108, counted in bytes", () => {
    expect(at({ ORCH_SOCKET: `/${"s".repeat(106)}` }).socket).toHaveLength(107);
    expect(() => at({ ORCH_SOCKET: `/${"s".repeat(107)}` })).toThrow(
      expect.objectContaining({
        code: "socket/path-too-long",
        message: expect.stringContaining("108 bytes"),
      }),
    );
    expect(() => at({ ORCH_SOCKET: `/${"ü".repeat(54)}` })).toThrow(/109 bytes/);
  });
});

describe("the socket folder", () => {
  let dir = "";
  const uid = process.getuid?.() ?? -1;
  const pathsIn = () => resolvePaths({ env: { ORCH_HOME: dir }, cwd: "/", uid });
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "orch-run-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("is made closed to others, whatever the umask", () => {
    const before = process.umask(0o277);
    try {
      ensureRunDir(pathsIn(), uid);
    } finally {
      process.umask(before);
    }
    expect(statSync(join(dir, "run")).mode & 0o777).toBe(0o700);
    expect(() => verifyRunDir(pathsIn(), uid)).not.toThrow();
  });

  it("may be missing: then nothing listens", () => {
    expect(() => verifyRunDir(pathsIn(), uid)).not.toThrow();
  });

  it.each([
    ["open to the group", () => chmodSync(join(dir, "run"), 0o750), /mode is 750/],
    ["a symbolic link", () => replaceByLink(join(dir, "run")), /symbolic link/],
  ])("is refused when it is %s", (_name, spoil, why) => {
    mkdirSync(join(dir, "run"), { mode: 0o700 });
    spoil();
    expect(() => ensureRunDir(pathsIn(), uid)).toThrow(
      expect.objectContaining({ code: "permission/denied", why: expect.stringMatching(why) }),
    );
  });

  it.skipIf(uid !== 0)(
    "may be root's for a group: members connect to what root alone can have put there",
    () => {
      mkdirSync(join(dir, "run"));
      chmodSync(join(dir, "run"), 0o750);
      expect(() => verifyRunDir(pathsIn(), 1000)).not.toThrow();
      chmodSync(join(dir, "run"), 0o770);
      expect(() => verifyRunDir(pathsIn(), 1000)).toThrow();
      chownSync(join(dir, "run"), 1001, 0);
      chmodSync(join(dir, "run"), 0o750);
      expect(() => verifyRunDir(pathsIn(), 1000)).toThrow();
    },
  );

  it("is refused when it belongs to somebody else, but not when ORCH_SOCKET chose it", () => {
    mkdirSync(join(dir, "run"), { mode: 0o700 });
    expect(() => verifyRunDir(pathsIn(), uid + 1)).toThrow(
      expect.objectContaining({ why: expect.stringContaining(`uid ${uid}`) }),
    );
    const chosen = resolvePaths({ env: { ORCH_HOME: dir, ORCH_SOCKET: `${dir}/s` }, cwd: "/", uid });
    expect(() => verifyRunDir(chosen, uid + 1)).not.toThrow();
  });
});

function replaceByLink(path: string): void {
  rmSync(path, { recursive: true });
  mkdirSync(`${path}-real`, { mode: 0o700 });
  symlinkSync(`${path}-real`, path);
}
