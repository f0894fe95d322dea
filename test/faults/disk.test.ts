import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, renameSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { createClient } from "../../src/client/client.ts";
import { query, runDetached, untilOver, untilState, useOrch } from "../e2e/session.ts";
import { mountLoopDisk } from "../kit/loop-disk.ts";
import { need } from "../kit/need.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { mountSmallDisk } from "../kit/small-disk.ts";
import { until } from "../kit/until.ts";

const createHome = useOrch();
const mayTrace = need(
  "strace that may trace",
  spawnSync("strace", ["-qq", "-e", "inject=sync:error=EIO", "-e", "trace=sync", "true"]).status === 0,
);

/** Makes system calls of a daemon on its database fail. */
async function failCalls(home: OrchHome, pid: number, calls: string, errno: string) {
  const files = [home.database, `${home.database}-wal`].flatMap((file) => ["-P", file]);
  const args = ["-f", "-p", String(pid), "-o", "/dev/null", ...files, "-e", `trace=${calls}`];
  const inject = `inject=${calls}:error=${errno}`;
  const tracer = spawn("strace", [...args, "-e", inject], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(tracer, "exit");
  await once(tracer.stderr, "data"); // "attached"
  return {
    async stop() {
      tracer.kill("SIGINT");
      await ended;
    },
  };
}

const submit = (home: OrchHome, options = {}, client = home.client) =>
  client.call("POST /jobs/run", {
    ...{ command: ["true"], cwd: home.dir, env: {}, gpus: 0, vramBytes: null, mode: "exclusive" as const },
    options,
  });

describe("fsync that fails", () => {
  it.skipIf(!mayTrace)(
    "ends the daemon; nothing is acknowledged, nothing acknowledged is lost [fault 9] (needs strace)",
    async () => {
      await using home = createHome();
      const daemon = await home.daemon();
      const kept = await runDetached(home, "--", "sh", "-c", "sleep 0.5; exit 7");
      await untilState(home, kept, "running");
      const tracer = await failCalls(home, daemon.pid, "fsync,fdatasync", "EIO");
      const refused = submit(home);
      await expect(refused).rejects.toMatchObject({
        code: expect.stringMatching(/^(store\/failing|daemon\/)/),
      });
      expect(await daemon.ended).toBe(125);
      await tracer.stop();
      expect(readFileSync(join(home.dir, "state", "daemon.log"), "utf8")).toContain(
        "does not keep what is written",
      );
      await home.daemon();
      expect(await untilOver(home, kept)).toMatchObject({ state: "failed", exitCode: 7, attempts: 1 });
      const next = await runDetached(home, "--", "true");
      expect(await untilOver(home, next)).toMatchObject({ state: "succeeded" });
    },
  );
});

describe("fsync that fails while nothing is asked", () => {
  it.skipIf(!mayTrace)("ends the daemon at the next step of the GPU history (needs strace)", async () => {
    await using home = createHome();
    const daemon = await home.daemon();
    const tracer = await failCalls(home, daemon.pid, "fsync,fdatasync", "EIO");
    expect(await daemon.ended).toBe(125);
    await tracer.stop();
    expect(readFileSync(join(home.dir, "state", "daemon.log"), "utf8")).toContain(
      "does not keep what is written",
    );
  });
});

/** A home whose daemon was killed with `count` held jobs in its write-ahead log. */
async function killedWith(home: OrchHome, count: number): Promise<void> {
  const daemon = await home.daemon();
  for (let job = 0; job < count; job++) await submit(home, { hold: true });
  await daemon.kill();
}

describe("the files of a daemon that was killed", () => {
  it("without -shm are read as they were [fault 10]", async () => {
    await using home = createHome();
    await killedWith(home, 20);
    rmSync(`${home.database}-shm`);
    await home.daemon();
    expect(query(home, "SELECT id FROM jobs")).toHaveLength(20);
  });

  it("with a write-ahead log that was cut are refused, and gone on with by the steps that are named [fault 10]", async () => {
    await using home = createHome();
    await killedWith(home, 20);
    const wal = `${home.database}-wal`;
    truncateSync(wal, Math.floor(statSync(wal).size * 0.8));
    const { code, stderr } = await home.orch(["ls", "--all"]);
    expect(code).toBe(125);
    expect(stderr).toContain("is damaged");
    expect(stderr).toContain("pages of finished commits are missing");
    // What `sqlite3 .recover` does: all that SQLite takes goes into a new file.
    const broken = new Sqlite(home.database);
    broken.exec(`VACUUM INTO '${home.database}.new'`);
    broken.close();
    renameSync(`${home.database}.new`, home.database);
    for (const end of ["-wal", "-shm"]) rmSync(`${home.database}${end}`, { force: true });
    await home.daemon();
    const ids = query<{ id: number }>(home, "SELECT id FROM jobs ORDER BY id").map(({ id }) => id);
    expect(ids.length).toBeGreaterThan(0);
    expect(ids, "a prefix of what was").toEqual(ids.map((_, index) => index + 1));
  });
});

describe("a reader that never ends", () => {
  it("lets the write-ahead log grow, which is shown and warned of; afterwards it is small again [fault 13]", async () => {
    await using home = createHome();
    await home.daemon();
    const grow = (count: number) =>
      home.client.call("POST /jobs/run-array", {
        ...{ command: ["echo", "x".repeat(30_000)], cwd: home.dir, env: {}, gpus: 0, vramBytes: null },
        ...{ mode: "exclusive" as const, options: { hold: true }, array: `1-${count}`, sweep: [] },
      });
    await grow(10);
    const reader = new Sqlite(home.database, { readonly: true });
    reader.exec("BEGIN");
    reader.prepare("SELECT COUNT(*) FROM jobs").get();
    await grow(2_500);
    await until(
      "its size is shown",
      async () => (await home.client.call("GET /status", {})).walBytes > 2 ** 26,
    );
    const log = () => readFileSync(join(home.dir, "state", "daemon.log"), "utf8");
    await until("it is warned of", () => log().includes("the write-ahead log grows"));
    expect(reader.prepare("SELECT COUNT(*) FROM jobs").pluck().get(), "the reader sees its moment").toBe(10);
    reader.close();
    await until("it is small again", async () => {
      await grow(1);
      return (await home.client.call("GET /status", {})).walBytes <= 2 ** 24;
    });
    expect((await home.client.call("GET /jobs", { limit: 1 })).total).toBeGreaterThan(2_510);
  }, 60_000);
});

describe("a state folder that goes away", () => {
  it("removed under the daemon: it ends with the reason instead of acknowledging into nothing [fault 14]", async () => {
    await using home = createHome();
    const daemon = await home.daemon();
    rmSync(join(home.dir, "state"), { recursive: true });
    expect(await daemon.ended).toBe(125);
    expect(daemon.stderr()).toContain("was removed or replaced under the running daemon");
  });

  it("on a disk that turns read-only: refused, reads go on; once it is repaired, so do jobs [fault 14]", async ({
    skip,
  }) => {
    using disk = mountLoopDisk(64);
    if (disk === null) return skip("no ext4 can be made and mounted here (mkfs.ext4, loop devices)");
    await using home = createHome({ ORCH_HOME: disk.path });
    const there = createClient(join(disk.path, "run", "orch.sock"));
    const ask = () => submit(home, { hold: true }, there);
    const daemon = await home.daemon();
    const kept = [await ask(), await ask()].map(({ id }) => id);
    disk.failReadOnly();
    for (let times = 0; times < 3; times++)
      await expect(ask()).rejects.toMatchObject({ code: "state/unwritable" });
    const { jobs } = await there.call("GET /jobs", {});
    expect(jobs.map(({ id }) => id).toSorted()).toEqual(kept);
    expect(daemon.isRunning()).toBe(true);
    await daemon.kill();
    const { code, stderr } = await home.orch(["up"]);
    expect(code).toBe(125);
    expect(stderr).toMatch(/^error: .*\n {2}why: .*(EROFS|readonly|read-only)/im);
    disk.repair();
    const next = await home.daemon();
    expect((await there.call("GET /jobs", {})).jobs.map(({ id }) => id).toSorted()).toEqual(kept);
    const { id } = await submit(home, {}, there);
    await until(
      "it runs",
      async () => (await there.call("GET /jobs/:job", { job: id })).state === "succeeded",
    );
    await next.kill();
  });

  it("on a disk that is read-only from the start: it does not start, and says why [fault 14]", async ({
    skip,
  }) => {
    using disk = mountSmallDisk(8);
    if (disk === null) return skip("no tmpfs can be mounted here");
    await using home = createHome({ ORCH_HOME: disk.path });
    spawnSync("mount", ["-o", "remount,ro", disk.path]);
    const { code, stderr } = await home.orch(["up"]);
    expect(code).toBe(125);
    expect(stderr).toMatch(/^error: .*\n {2}why: EROFS/m);
    expect(existsSync(join(disk.path, "state"))).toBe(false);
  });
});
