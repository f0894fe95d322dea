import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { useOrch } from "../../e2e/session.ts";
import { need } from "../../kit/need.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import { until } from "../../kit/until.ts";

const home = useOrch();
const canActivate = need(
  "systemd-socket-activate",
  spawnSync("systemd-socket-activate", ["--version"]).status === 0,
);

test.skipIf(!canActivate)(
  "the first connection starts the daemon on the socket it came through; the socket outlives it",
  async () => {
    await using orch = home();
    await using manager = await activate(orch, 0o600);
    const status = JSON.parse((await orch.orch(["status", "--json", "--no-autostart"])).stdout) as {
      pid: number;
    };
    expect(status.pid).toBe(manager.process.pid);
    const inode = lstatSync(orch.socket).ino;
    const { code, stdout } = await orch.orch(["run", "--", "sh", "-c", "ls -l /proc/self/fd; env"]);
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/socket:|LISTEN_/);
    expect((await orch.orch(["down"])).code).toBe(0);
    await manager.ended;
    // A real manager keeps its own copy open; here its file alone shows that nobody took it away.
    expect(lstatSync(orch.socket).ino).toBe(inode);
  },
);

test.skipIf(!canActivate).each([
  ["others can get in", 0o644, (orch: OrchHome) => orch.socket, /its mode is 644: others can get in/],
  ["it is another socket", 0o600, (orch: OrchHome) => `${orch.socket}2`, /listens on .*orch\.sock2/],
])("a handed socket is refused when %s", async (_, mode, socketOf, why) => {
  await using orch = home();
  await using manager = await activate(orch, mode, socketOf(orch));
  spawn(process.execPath, ["-e", `require("net").connect("${socketOf(orch)}").on("error", () => {})`]);
  expect(await manager.ended).toBeGreaterThan(0);
  expect(manager.stderr()).toMatch(why);
  expect(manager.stderr()).toContain("orch service install");
});

test.skipIf(!canActivate)("descriptors that were meant for another process are left alone", async () => {
  await using orch = home({ LISTEN_FDS: "1", LISTEN_PID: "1" });
  await orch.daemon();
  expect((await orch.orch(["status", "--no-autostart"])).code).toBe(0);
});

interface Manager extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly ended: Promise<number>;
  stderr(): string;
}

/** systemd-socket-activate becomes the daemon once somebody connects, so its pid is the daemon's. */
async function activate(orch: OrchHome, mode: number, socket = orch.socket): Promise<Manager> {
  mkdirSync(dirname(orch.socket), { recursive: true, mode: 0o700 });
  const passed = Object.entries(orch.env).flatMap(([name, value]) => ["-E", `${name}=${value}`]);
  const args = ["-l", socket, ...passed, process.execPath, orch.bin, "daemon"];
  const child = spawn("systemd-socket-activate", args, { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number>((resolve) => {
    child.once("exit", (code) => resolve(code ?? 0));
  });
  await until("the manager listens", () => existsSync(socket));
  // It opens them for all to write to with 0644; a socket unit has SocketMode=.
  chmodSync(socket, mode);
  return {
    process: child,
    ended,
    stderr: () => stderr,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
