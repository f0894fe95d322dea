import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ConnectOptions, connect } from "../../src/client/connect.ts";
import { resolvePaths } from "../../src/config/paths.ts";
import { until } from "../kit/until.ts";
import { tempDir } from "./socket-server.ts";

/**
 * A program that behaves as the daemon does at the socket: an exclusive lock, then hello. MODE makes it fail in
 * the ways a start can fail.
 */
const PROGRAM = `
import { createServer } from "node:http";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
const { ORCH_HOME: home, ORCH_START_REPORT: report, MODE: mode } = process.env;
const fail = (code, message) => {
  writeFileSync(report, JSON.stringify({ error: { code, message } }), { flag: "r+" });
  process.exit(1);
};
if (mode === "refuse") fail("config/invalid", "config.yaml:1:1: unknown key");
if (mode === "crash") { console.error("first line\\nlibfoo.so: cannot open"); process.exit(127); }
try { mkdirSync(home + "/lock"); } catch { writeFileSync(home + "/lost", ""); fail("daemon/running", "another daemon runs"); }
console.log("started in " + process.cwd());
writeFileSync(home + "/pid", String(process.pid));
const server = createServer((request, response) => {
  response.end(JSON.stringify({ pid: process.pid, version: "9", api: 1 }));
});
server.listen(home + "/run/orch.sock");
process.on("SIGTERM", () => { rmSync(home + "/lock", { recursive: true }); process.exit(0); });
`;

const uid = process.getuid?.() ?? -1;
let temp: ReturnType<typeof tempDir>;
let notices: string[];

beforeEach(() => {
  temp = tempDir();
  notices = [];
  writeFileSync(join(temp.path, "program.mjs"), PROGRAM);
});

afterEach(async () => {
  const pid = daemonPid();
  if (pid !== undefined) {
    process.kill(pid, "SIGTERM");
    await until("the program's end", () => !isAlive(pid));
  }
  temp[Symbol.dispose]();
});

const options = (changes: Partial<ConnectOptions> & { mode?: string } = {}): ConnectOptions => ({
  paths: resolvePaths({ env: { ORCH_HOME: temp.path }, cwd: "/", uid }),
  uid,
  autostart: () => true,
  notice: (text) => notices.push(text),
  env: { PATH: process.env["PATH"], MODE: changes.mode },
  daemonCommand: [process.execPath, join(temp.path, "program.mjs")],
  ...changes,
});

function daemonPid(): number | undefined {
  try {
    return Number(readFileSync(join(temp.path, "pid"), "utf8"));
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    // One that has ended but was not waited for yet does not count.
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

describe("connect", () => {
  it("starts the daemon when none listens, says so once, and leaves nothing behind", async () => {
    const client = await connect(options());
    const { pid } = await client.call("GET /hello", {});
    expect(notices).toEqual([`orch: started the daemon (pid ${pid})`]);
    await connect(options());
    expect(notices).toHaveLength(1);
    expect(readFileSync(join(temp.path, "state/daemon.log"), "utf8")).toBe("started in /\n");
    expect(readdirSync(join(temp.path, "state"))).toEqual(["daemon.log"]);
  });

  it("has one daemon for several that race to start it", async () => {
    const clients = await Promise.all([1, 2, 3].map(() => connect(options())));
    const pids = await Promise.all(clients.map(async (client) => (await client.call("GET /hello", {})).pid));
    expect(new Set(pids).size).toBe(1);
    expect(notices).toEqual([`orch: started the daemon (pid ${pids[0]})`]);
  });

  it("takes its turn when the daemon that held the lock was on its way out", async () => {
    mkdirSync(join(temp.path, "lock"));
    const connecting = connect(options());
    await until("the first to lose", () => existsSync(join(temp.path, "lost")));
    rmSync(join(temp.path, "lock"), { recursive: true });
    const { pid } = await (await connecting).call("GET /hello", {});
    expect(pid).toBe(daemonPid());
  });

  it("does not start it when that is not wanted", async () => {
    await expect(connect(options({ autostart: () => false }))).rejects.toMatchObject({
      code: "daemon/unreachable",
      hint: "orch up",
    });
    expect(daemonPid()).toBeUndefined();
  });

  it("gives the reason the daemon reported", async () => {
    await expect(connect(options({ mode: "refuse" }))).rejects.toMatchObject({
      code: "config/invalid",
      message: "config.yaml:1:1: unknown key",
    });
  });

  it("finds the error in what a crash of Node left in the log", async () => {
    writeFileSync(join(temp.path, "program.mjs"), 'throw new TypeError("x is not a function");');
    await expect(connect(options())).rejects.toMatchObject({
      code: "daemon/start-failed",
      why: "it ended with exit code 1: TypeError: x is not a function",
    });
  });

  it("gives the last line of the log when the daemon could not report", async () => {
    mkdirSync(join(temp.path, "state"));
    writeFileSync(join(temp.path, "state/daemon.log"), "of an earlier daemon\n");
    await expect(connect(options({ mode: "crash" }))).rejects.toMatchObject({
      code: "daemon/start-failed",
      why: "it ended with exit code 127: libfoo.so: cannot open",
    });
  });

  it("says when the program itself cannot be executed", async () => {
    await expect(connect(options({ daemonCommand: ["/nonexistent/orch"] }))).rejects.toMatchObject({
      code: "daemon/start-failed",
      why: "cannot execute /nonexistent/orch",
    });
  });

  it("refuses a socket folder that others can get into, and starts nothing", async () => {
    mkdirSync(join(temp.path, "run"));
    chmodSync(join(temp.path, "run"), 0o777);
    await expect(connect(options())).rejects.toMatchObject({ code: "permission/denied" });
    expect(daemonPid()).toBeUndefined();
  });
});
