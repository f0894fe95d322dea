import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { addResidents, addRuntime } from "./runtimes.ts";
import { runDetached, submit, untilOver, untilState, useOrch } from "./session.ts";

const createHome = useOrch();

/** Waits for a file that a program makes, as a sign that it is there. */
async function untilFile(path: string): Promise<void> {
  await until(`${path} is there`, () => existsSync(path));
}

/** A command that says "begun", waits for the file "go", says "ended" and exits with 7. */
async function startWaiting(home: OrchHome): Promise<number> {
  const script = "echo x >>begun; while [ ! -e go ]; do sleep 0.02; done; echo x >>ended; exit 7";
  const job = await runDetached(home, "--", "sh", "-c", script);
  await untilFile(join(home.dir, "begun"));
  await untilState(home, job, "running");
  return job;
}

/** The program ran once, by its own word, and by the daemon's. */
async function expectRanOnce(home: OrchHome, job: number): Promise<void> {
  expect(await untilOver(home, job)).toMatchObject({ state: "failed", exitCode: 7, attempts: 1 });
  expect(readFileSync(join(home.dir, "begun"), "utf8")).toBe("x\n");
  expect(readFileSync(join(home.dir, "ended"), "utf8")).toBe("x\n");
}

describe("a running command", () => {
  it("survives kill -9 of the daemon and keeps its exit code [fault 4]", async () => {
    await using home = createHome();
    const first = await home.daemon();
    const job = await startWaiting(home);
    await first.kill();
    await home.daemon();
    expect((await untilState(home, job, "running")).attempts).toBe(1);
    home.write("go", "");
    await expectRanOnce(home, job);
  });

  it("that ends while no daemon runs is known by its record [fault 5]", async () => {
    await using home = createHome();
    const first = await home.daemon();
    const job = await startWaiting(home);
    await first.kill();
    home.write("go", "");
    await untilFile(join(home.dir, "ended"));
    await until("its processes are gone", () => home.programs().length === 0);
    await home.daemon();
    await expectRanOnce(home, job);
  });

  for (const how of ["SIGTERM to the daemon", "orch down"]) {
    it(`survives ${how}`, async () => {
      await using home = createHome();
      const first = await home.daemon();
      const job = await startWaiting(home);
      if (how === "orch down") expect((await home.orch(["down"])).code).toBe(0);
      else first.signal("SIGTERM");
      expect(await first.ended).toBe(0);
      expect(home.programs().length).toBeGreaterThan(0);
      await home.daemon();
      home.write("go", "");
      await expectRanOnce(home, job);
    });
  }
});

describe("the job of a resident worker", () => {
  for (const how of ["SIGKILL", "SIGTERM"] as const) {
    it(`survives ${how} of the daemon, and its result arrives`, async () => {
      await using home = createHome();
      addResidents(home);
      const first = await home.daemon();
      const job = await submit(home, "left", "--ms", "1500", "--tag", "kept");
      const before = await untilState(home, job, "running");
      first.signal(how);
      await first.ended;
      await home.daemon();
      const after = await untilOver(home, job);
      expect(after).toMatchObject({ state: "succeeded", attempts: 1, output: { tag: "kept" } });
      expect(after.worker).toBe(before.worker);
      expect(after.artifacts.map(({ name }) => name)).toEqual(["said.txt"]);
      const { stdout } = await home.orch(["logs", String(job)]);
      expect(stdout).toBe("began kept\n");
    });
  }
});

describe("a Python environment that is being built", () => {
  it("when the daemon is killed is built anew, once its old builder is gone", async () => {
    await using home = createHome();
    addRuntime(home, "own", ["python3", "-c", "print('ran')"], {
      protocol: "exec",
      params: "python: { requirements: requirements.txt }\n",
    });
    home.write("runtimes/own/requirements.txt", "");
    const first = await home.daemon();
    const job = await submit(home, "own");
    const builder = await until("it is being built", () => home.programs()[0]);
    await first.kill();
    expect(home.programs()).toContain(builder);
    await home.daemon();
    expect(home.programs()).not.toContain(builder);
    expect(await untilOver(home, job)).toMatchObject({ state: "succeeded", attempts: 1 });
  });
});

describe("orch down", () => {
  it("--drain waits for what runs, and leaves what waits to the next daemon", async () => {
    await using home = createHome({ ORCH_CPU_CORES: "1" });
    const first = await home.daemon();
    const running = await startWaiting(home);
    const waiting = await runDetached(home, "--", "true");
    const down = home.spawn(["down", "--drain"]);
    await until("it says that it waits", () => down.stderr().includes("waiting for the running jobs"));
    const refused = await home.orch(["run", "--", "true"]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("stopping");
    expect(first.isRunning()).toBe(true);
    home.write("go", "");
    expect((await down.ended).code).toBe(0);
    expect(await first.ended).toBe(0);
    await home.daemon();
    await expectRanOnce(home, running);
    expect(await untilOver(home, waiting)).toMatchObject({ state: "succeeded", attempts: 1 });
  });

  it("--kill stops jobs and workers, and leaves no process behind", async () => {
    await using home = createHome();
    addResidents(home);
    await home.daemon();
    const command = await startWaiting(home);
    const resident = await submit(home, "left", "--ms", "60000");
    await untilState(home, resident, "running");
    const { code, stdout } = await home.orch(["down", "--kill"]);
    expect(code).toBe(0);
    expect(stdout).toContain("has stopped");
    expect(home.programs()).toEqual([]);
    await home.daemon();
    expect(await untilOver(home, command)).toMatchObject({ state: "cancelled" });
    expect(await untilOver(home, resident)).toMatchObject({ state: "cancelled" });
  });

  it("without a daemon says so and succeeds", async () => {
    await using home = createHome();
    expect(await home.orch(["down"])).toMatchObject({ code: 0, stdout: "no daemon is running\n" });
  });
});
