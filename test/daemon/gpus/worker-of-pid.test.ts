import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { workerIdOf } from "../../../src/daemon/gpus/worker-of-pid.ts";
import { createHands } from "../../../src/daemon/hands.ts";
import { openCgroups } from "../../../src/engine/cgroup.ts";
import { readLabels } from "../../../src/engine/labels.ts";
import { whyNoCgroups } from "../../kit/cgroups.ts";
import { preparePodman } from "../../kit/podman.ts";
import { until } from "../../kit/until.ts";

const found = await preparePodman();
const why = typeof found === "string" ? found : null;

test("a process with our labels is its worker's, one with another's is nobody's", async () => {
  const hands = createHands();
  hands.take(7, false);
  const places = { workerDir: () => "/nowhere" };
  const whose = { hands, instanceId: "mine", places };
  const env = (instance: string) => ({ ORCH_WORKER: "7", ORCH_INSTANCE: instance });
  const own = spawn("/bin/sleep", ["60"], { env: env("mine") });
  const other = spawn("/bin/sleep", ["60"], { env: env("theirs") });
  try {
    await until("it is seen", () => workerIdOf(own.pid ?? 0, whose) === 7);
    expect(workerIdOf(other.pid ?? 0, whose)).toBe(null);
  } finally {
    own.kill();
    other.kill();
  }
});

test("a process that left session and environment behind is its parent's worker's", async () => {
  const hands = createHands();
  hands.take(7, false);
  const whose = { hands, instanceId: "mine", places: { workerDir: () => "/nowhere" } };
  const env = { ORCH_WORKER: "7", ORCH_INSTANCE: "mine" };
  // The outer shell stays, and is the one with the labels.
  const script = "setsid env -i /bin/sh -c 'echo $$; exec /bin/sleep 60' & wait";
  const outer = spawn("/bin/sh", ["-c", script], {
    env,
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = (await once(outer.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  try {
    expect(readLabels(pid)).toBe(null);
    expect(workerIdOf(pid, whose)).toBe(7);
    hands.drop(7);
    expect(workerIdOf(pid, whose)).toBe(null);
  } finally {
    process.kill(pid);
    outer.kill();
  }
});

test.skipIf(whyNoCgroups() !== null)(
  "a process that nobody is the parent of either is the worker's whose cgroup it is in",
  async () => {
    const instanceId = randomUUID();
    const opened = openCgroups(instanceId);
    if ("why" in opened) throw new Error(opened.why);
    const cgroup = opened.make(7, { ramBytes: null, cpuCores: null, maxProcesses: null });
    const script = `echo 0 > "${cgroup.dir}/cgroup.procs"; setsid env -i /bin/sh -c 'echo $$; exec /bin/sleep 60' &`;
    const outer = spawn("/bin/sh", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(outer.stdout, "data")) as [Buffer];
    const pid = Number(line.toString());
    try {
      const hands = createHands();
      const whose = { hands, instanceId, places: { workerDir: () => "/nowhere" } };
      expect(workerIdOf(pid, whose)).toBe(null);
      hands.take(7, false);
      expect(readLabels(pid)).toBe(null);
      expect(workerIdOf(pid, whose)).toBe(7);
      expect(workerIdOf(pid, { ...whose, instanceId: randomUUID() })).toBe(null);
    } finally {
      cgroup.kill();
      await until("it is gone", () => {
        cgroup.remove();
        return !existsSync(cgroup.dir);
      });
    }
  },
);

test.skipIf(why !== null)(
  `a process without labels belongs to the worker whose container it is in${why === null ? "" : ` (skipped: ${why})`}`,
  async () => {
    if (typeof found === "string") return;
    const dir = mkdtempSync(join(tmpdir(), "orch-pid-"));
    mkdirSync(join(dir, "7"));
    const hands = createHands();
    hands.take(7, false);
    const places = { workerDir: (id: number) => join(dir, String(id)) };
    const whose = { hands, instanceId: "mine", places };
    const id = await found.call("run", "-d", "--network=none", ...found.runArgs, found.image, "sleep", "60");
    try {
      const pid = Number(await found.call("inspect", "--format", "{{.State.Pid}}", id));
      expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toContain(id);
      expect(workerIdOf(pid, whose)).toBe(null);
      writeFileSync(join(dir, "7", "cid"), id);
      expect(workerIdOf(pid, whose)).toBe(7);
    } finally {
      await found.call("rm", "-f", "-t", "0", id);
      rmSync(dir, { recursive: true });
    }
  },
);
