import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Cgroups, openCgroups, readCgroup, settingsFor } from "../../src/engine/cgroup.ts";
import type { Engine, Launch } from "../../src/engine/engine.ts";
import { isRunning, readStat } from "../../src/engine/identity.ts";
import { readLabels } from "../../src/engine/labels.ts";
import { createProcessEngine } from "../../src/engine/process.ts";
import { systemClock } from "../../src/std/clock.ts";
import { users, whyNoUsers } from "../kit/as-user.ts";
import { whyNoCgroups } from "../kit/cgroups.ts";
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

  it("limits what the host has a controller for", () => {
    const cgroups = open();
    const cgroup = cgroups.make(9, { ramBytes: 2 ** 30, cpuCores: 2, maxProcesses: 50 });
    const read = (file: string): string => readFileSync(join(cgroup.dir, file), "utf8").trim();
    if (cgroups.controllers.has("memory")) expect(read("memory.max")).toBe(String(2 ** 30));
    if (cgroups.controllers.has("cpu")) expect(read("cpu.max")).toBe("200000 100000");
    if (cgroups.controllers.has("pids")) expect(read("pids.max")).toBe("50");
    cgroup.remove();
  });
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
