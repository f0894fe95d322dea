import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { whyNoLimits } from "../kit/cgroups.ts";
import { until } from "../kit/until.ts";
import { runDetached, untilOver, untilState, useOrch } from "./session.ts";

const createHome = useOrch();
const why = whyNoLimits("memory");

/** Takes three times its memory while it sleeps. */
const SLEEPER = `from orch_sdk import serve


class Handler:
    def run(self, params, ctx):
        return None

    def sleep(self):
        self.kept = bytearray(b"x") * (300 << 20)

    def wake(self):
        del self.kept


serve(Handler())
`;

describe.skipIf(why !== null)(`a memory limit${why === null ? "" : ` (skipped: ${why})`}`, () => {
  it("ends only the job that goes over it, and its reason says so", async () => {
    await using home = createHome();
    await home.daemon();
    const bystander = await runDetached(home, "--ram", "64MiB", "--", "sh", "-c", "exec sleep 1000");
    await untilState(home, bystander, "running");
    const greedy = await runDetached(
      home,
      "--ram",
      "64MiB",
      "--",
      "python3",
      "-c",
      "x = bytearray(200 << 20)",
    );
    const over = await untilOver(home, greedy);
    expect(over).toMatchObject({ state: "failed", exitCode: 137 });
    expect(over.reason?.text).toContain(
      "killed by the kernel: it went over its memory limit of 64 MiB (--ram, or ram: of its runtime)",
    );
    const allowed = await runDetached(
      home,
      "--ram",
      "1GiB",
      "--",
      "python3",
      "-c",
      "x = bytearray(200 << 20)",
    );
    expect((await untilOver(home, allowed)).state).toBe("succeeded");
    expect((await untilState(home, bystander, "running")).attempts).toBe(1);
    expect((await home.orch(["why", String(greedy)])).stdout).toContain("memory limit of 64 MiB");
  });

  it("leaves room for what a worker keeps in its sleep", async () => {
    await using home = createHome();
    await home.daemon();
    home.write("runtimes/sleeper/handler.py", SLEEPER);
    home.write(
      "runtimes/sleeper/runtime.yaml",
      "name: sleeper\ngpu: { count: 1, vram: 512MiB }\nram: 100MiB\nsleep: { residue: 16MiB, ram: 400MiB }\n",
    );
    expect((await home.orch(["workers", "start", "sleeper"])).code).toBe(0);
    const inState = (wanted: string) => async (): Promise<boolean> => {
      const { workers } = await home.client.call("GET /workers", {});
      return workers.some(({ name, state }) => name === "sleeper-1" && state === wanted);
    };
    await until("it is ready", inState("ready"), 20_000);
    expect((await home.orch(["workers", "sleep", "sleeper-1"])).code).toBe(0);
    await until("it sleeps", inState("asleep"));
  });
});

const noPids = whyNoLimits("pids");

it.skipIf(noPids !== null)(
  `a limit of processes holds for each job by itself${noPids === null ? "" : ` (skipped: ${noPids})`}`,
  async () => {
    await using home = createHome({ ORCH_MAX_PROCESSES: "20" });
    await home.daemon();
    const forks = (count: number): string =>
      `for i in $(seq ${count}); do /bin/sleep 2 & done; wait; echo all`;
    const [many, few] = [
      await runDetached(home, "--", "sh", "-c", forks(40)),
      await runDetached(home, "--", "sh", "-c", forks(12)),
    ];
    const { state, logPath } = await untilOver(home, many);
    expect(state).toBe("failed");
    expect(readFileSync(logPath, "utf8")).toMatch(/[Cc]annot fork|Resource temporarily unavailable/);
    expect((await untilOver(home, few)).state).toBe("succeeded");
  },
);
