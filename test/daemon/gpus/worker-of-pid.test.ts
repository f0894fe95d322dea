import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { workerIdOf } from "../../../src/daemon/gpus/worker-of-pid.ts";
import { createHands } from "../../../src/daemon/hands.ts";
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
