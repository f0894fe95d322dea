import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Cgroups, openCgroups, readCgroup, settingsFor } from "../../src/engine/cgroup.ts";
import { findV1Bases, makeV1 } from "../../src/engine/cgroup-v1.ts";
import type { Engine, Launch } from "../../src/engine/engine.ts";
import { isRunning, readStat } from "../../src/engine/identity.ts";
import { readLabels } from "../../src/engine/labels.ts";
import { createProcessEngine } from "../../src/engine/process.ts";
import { systemClock } from "../../src/std/clock.ts";
import { users, whyNoUsers } from "../kit/as-user.ts";
import { whyNoCgroups, whyNoLimits } from "../kit/cgroups.ts";
import { until } from "../kit/until.ts";

/** Leaves session, group, parent and environment behind, and does not mind TERM: only its cgroup knows it. */
const ESCAPE = `(setsid env -i /bin/sh -c 'trap "" TERM; echo $$; while :; do /bin/sleep 0.1; done' &)`;
const why = whyNoCgroups();

let root: string;
let instanceId: string;
const strays = new Set<number>();
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "orch-cgroup-"));
  instanceId = randomUUID();
});
afterEach(() => {
  for (const pid of strays) if (runs(pid)) process.kill(pid, "SIGKILL");
  strays.clear();
  rmSync(root, { recursive: true, force: true });
});

/** Not as a zombie: where nobody reaps, one stays for ever. */
const runs = (pid: number): boolean => {
  const stat = readStat(pid);
  return stat !== null && isRunning(stat);
};

const launch = (workerId: number, script: string): Launch => ({
  workerId,
  argv: ["sh", "-c", script],
  env: { PATH: process.env["PATH"] ?? "" },
  cwd: root,
  dir: join(root, String(workerId)),
  logPath: join(root, `${workerId}.log`),
});

/** The pid that the program of the worker has said. */
const saidPid = (workerId: number): Promise<number> =>
  until("the program has said a pid", () => {
    const file = join(root, `${workerId}.log`);
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    const pid = /^\d+\n/.test(text) ? Number.parseInt(text, 10) : null;
    if (pid !== null) strays.add(pid);
    return pid;
  });

describe.skipIf(why !== null)(`a cgroup of a worker${why === null ? "" : ` (skipped: ${why})`}`, () => {
  const open = (): Cgroups => {
    const opened = openCgroups(instanceId);
    if ("why" in opened) throw new Error(opened.why);
    return opened;
  };
  const engineWith = (cgroups: Cgroups | null): Engine =>
    createProcessEngine({ instanceId, clock: systemClock, cgroups });

  it("finds what has escaped session, group, parent and environment, and is removed with it [fault 24]", async () => {
    const cgroups = open();
    const engine = engineWith(cgroups);
    const identity = await engine.start(launch(1, `${ESCAPE}; sleep 60`));
    const pid = await saidPid(1);
    const cgroup = readCgroup(join(root, "1"));
    expect(cgroup?.pids()).toContain(pid);
    expect(cgroup?.pids()).not.toContain(identity.pid);
    await engine.ensureStopped(join(root, "1"), identity, 100);
    expect(runs(pid)).toBe(false);
    expect(existsSync(cgroup?.dir ?? "")).toBe(false);
    expect(cgroups.all()).toEqual([]);
  });

  it("is what finds it: without one the same program gets away", async () => {
    const engine = engineWith(null);
    const identity = await engine.start(launch(1, `${ESCAPE}; sleep 60`));
    const pid = await saidPid(1);
    await engine.ensureStopped(join(root, "1"), identity, 100);
    expect(runs(pid)).toBe(true);
  });

  it("is killed as a whole at the deadline, and the supervisor records it [fault 23]", async () => {
    const engine = engineWith(open());
    const identity = await engine.start(launch(1, `trap '' TERM; echo $$; while :; do sleep 0.1; done`));
    await saidPid(1);
    const exit = await engine.ensureStopped(join(root, "1"), identity, 100);
    expect(exit.exitCode).toBe(137);
    expect(readFileSync(join(root, "1", "exit"), "utf8")).toBe("exit 137\n");
  });

  it("lets a program's own end stand, and takes along what it left behind", async () => {
    const engine = engineWith(open());
    const identity = await engine.start(
      launch(1, `${ESCAPE}; until [ -s 1.log ]; do sleep 0.05; done; exit 7`),
    );
    const pid = await saidPid(1);
    expect((await engine.exited(join(root, "1"), identity)).exitCode).toBe(7);
    expect(runs(pid)).toBe(false);
  });

  it("tells the next daemon of what has no label, and is found again by its control folder", async () => {
    const cgroups = open();
    const first = engineWith(cgroups);
    const identity = await first.start(launch(1, `${ESCAPE}; sleep 60`));
    const pid = await saidPid(1);
    const next = engineWith(open());
    expect((await next.labelled(instanceId)).map(({ workerId }) => workerId)).toEqual([1]);
    process.kill(identity.pid, "SIGKILL");
    const remains = await until("its supervisor is gone", async () => {
      const found = await next.inspect(join(root, "1"), 1);
      return found.kind === "exited" ? found : null;
    });
    expect(remains.exit.exitCode).toBe(null);
    expect(runs(pid)).toBe(false);
    expect(cgroups.all()).toEqual([]);
  });

  it("finds an orphan by it alone, and kills it", async () => {
    const engine = engineWith(open());
    // The supervisor and its session are gone, and no daemon has noted anything.
    const other = createProcessEngine({ instanceId, clock: systemClock, cgroups: open() });
    const identity = await engine.start(launch(3, `${ESCAPE}; sleep 60`));
    const pid = await saidPid(3);
    const found = await other.labelled(instanceId);
    expect(found).toMatchObject([{ workerId: 3 }]);
    for (const each of found) await other.kill(each.identity);
    expect([runs(pid), runs(identity.pid)]).toEqual([false, false]);
  });

  it.skipIf(whyNoUsers() !== null)(
    "is not joined by a process of another user that bears its labels",
    async () => {
      const engine = engineWith(open());
      const identity = await engine.start(launch(1, "sleep 60"));
      const { uid, gid } = users.ada;
      const env = { PATH: "/usr/bin:/bin", ORCH_WORKER: "1", ORCH_INSTANCE: instanceId };
      const forger = spawn("sleep", ["60"], { uid, gid, env, stdio: "ignore" });
      const pid = forger.pid ?? 0;
      strays.add(pid);
      await until("it bears the labels", () => readLabels(pid)?.instanceId === instanceId);
      expect((await engine.ensureStopped(join(root, "1"), identity, 1000)).exitCode).toBe(143);
      expect(runs(pid)).toBe(true);
    },
  );

  it("is entered before the program runs, or the program does not run", async () => {
    const cgroups = open();
    const broken: Cgroups = {
      ...cgroups,
      make: (workerId, limits) => {
        const cgroup = cgroups.make(workerId, limits);
        cgroup.remove();
        return cgroup;
      },
    };
    const engine = engineWith(broken);
    const identity = await engine.start(launch(1, "echo ran"));
    expect((await engine.exited(join(root, "1"), identity)).exitCode).toBe(125);
    expect(readFileSync(join(root, "1.log"), "utf8")).toBe("orch: cannot enter its cgroup\n");
  });

  it("limits what the host has a controller for, of cgroup v2 or v1", () => {
    const cgroups = open();
    const cgroup = cgroups.make(9, { ramBytes: 2 ** 30, cpuCores: 2, maxProcesses: 50 });
    const read = (...files: string[]): string[] =>
      cgroup.dirs
        .flatMap((dir) => files.map((file) => join(dir, file)))
        .filter((file) => existsSync(file))
        .map((file) => readFileSync(file, "utf8").trim());
    expect(cgroup.dirs[0]).toBe(cgroup.dir);
    if (cgroups.controllers.has("memory"))
      expect(read("memory.max", "memory.limit_in_bytes")).toContain(String(2 ** 30));
    if (cgroups.controllers.has("cpu")) expect(read("cpu.max", "cpu.cfs_quota_us").join()).toMatch(/200000/);
    if (cgroups.controllers.has("pids")) expect(read("pids.max")).toContain("50");
    expect(cgroup.killedAtBytes()).toBe(null);
    cgroup.remove();
    expect(cgroup.dirs.filter((dir) => existsSync(dir))).toEqual([]);
  });

  it.skipIf(whyNoLimits("memory") !== null)(
    "is what a program is killed in that takes more memory than its limit, and what says so",
    async () => {
      const engine = engineWith(open());
      const limits = { ramBytes: 64 * 2 ** 20, cpuCores: null, maxProcesses: null };
      const take = `exec python3 -c 'x = bytearray(200 << 20)'`;
      const detail =
        "killed by the kernel: it went over its memory limit of 64 MiB (--ram, or ram: of its runtime)";
      const identity = await engine.start({ ...launch(1, take), limits });
      expect(await engine.exited(join(root, "1"), identity)).toEqual({
        exitCode: 137,
        detail,
        isOverLimit: true,
      });
      // The kernel takes the largest process; the rest of the program may go on, and say so itself.
      const second = await engine.start({ ...launch(2, `${take.slice(5)}; exit 3`), limits });
      expect(await engine.exited(join(root, "2"), second)).toMatchObject({
        exitCode: 3,
        detail: `a process of it was ${detail}`,
      });
      const within = await engine.start({ ...launch(3, "exit 4"), limits });
      expect(await engine.exited(join(root, "3"), within)).toEqual({ exitCode: 4, detail: null });
    },
  );
});

describe("where no cgroup can be made", () => {
  it("says why", () => {
    expect(openCgroups(instanceId, null)).toEqual({ why: "cgroup v2 is not mounted" });
    writeFileSync(join(root, "file"), "");
    expect(openCgroups(instanceId, join(root, "file"))).toMatchObject({
      why: expect.stringContaining("ENOTDIR"),
    });
    expect(openCgroups(instanceId, root)).toMatchObject({ why: expect.stringContaining("ENOENT") });
  });

  it("finds what a hybrid host has left to cgroup v1, below the group that the daemon is in", () => {
    mkdirSync(join(root, "memory/service"), { recursive: true });
    mkdirSync(join(root, "cpu"));
    const mounts = [
      `31 23 0:28 / ${root} rw - tmpfs tmpfs rw`,
      `35 31 0:32 / ${root}/memory rw,relatime shared:9 - cgroup cgroup rw,memory`,
      `36 31 0:33 /outer ${root}/cpu rw - cgroup cgroup rw,cpu,cpuacct`,
      `41 31 0:38 / ${root}/unified rw - cgroup2 cgroup2 rw`,
    ].join("\n");
    const own = "9:pids:/\n4:memory:/service\n2:cpu,cpuacct:/outer\n0::/";
    const bases = findV1Bases(["memory", "cpu", "pids"], "probe", [mounts, own]);
    expect([...bases]).toEqual([
      ["memory", `${root}/memory/service`],
      ["cpu", `${root}/cpu`],
    ]);
    const dirs = makeV1(bases, "orch-1", { ramBytes: 2 ** 20, cpuCores: 2, maxProcesses: 5 });
    expect(dirs).toEqual([`${root}/memory/service/orch-1`, `${root}/cpu/orch-1`]);
    expect(readFileSync(join(root, "memory/service/orch-1/memory.limit_in_bytes"), "utf8")).toBe("1048576");
    expect(readFileSync(join(root, "cpu/orch-1/cpu.cfs_quota_us"), "utf8")).toBe("200000");
  });

  it("writes each limit where its controller is, and none where it is not", () => {
    const limits = { ramBytes: 2 ** 30, cpuCores: 2, maxProcesses: 50 };
    expect(settingsFor(limits, new Set(["memory", "cpu", "pids"]))).toEqual([
      ["memory.max", "1073741824"],
      ["cpu.max", "200000 100000"],
      ["pids.max", "50"],
    ]);
    expect(settingsFor(limits, new Set(["pids"]))).toEqual([["pids.max", "50"]]);
    const none = { ramBytes: null, cpuCores: null, maxProcesses: null };
    expect(settingsFor(none, new Set(["memory", "cpu", "pids"]))).toEqual([]);
  });
});
