import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { addResidents, addRuntime } from "./runtimes.ts";
import { query, runDetached, submit, untilOver, untilState, useOrch } from "./session.ts";

const createHome = useOrch();

/** A home whose daemon runs one command without a GPU at a time. */
async function createHost(): Promise<OrchHome> {
  const home = createHome({ ORCH_CPU_CORES: "1" });
  addResidents(home);
  await home.daemon();
  return home;
}

/** A command that runs until the file "go" is there. */
async function occupy(home: OrchHome, ...flags: string[]): Promise<number> {
  const job = await runDetached(home, ...flags, "--", "sh", "-c", "while [ ! -e go ]; do sleep 0.02; done");
  await untilState(home, job, "running");
  return job;
}

async function cancel(home: OrchHome, job: number): Promise<void> {
  const { code, stderr } = await home.orch(["cancel", String(job)]);
  expect([code, stderr]).toEqual([0, ""]);
}

async function why(home: OrchHome, job: number): Promise<{ code: string; text: string }> {
  const { stdout } = await home.orch(["why", String(job), "--json"]);
  return (JSON.parse(stdout) as { reason: { code: string; text: string } }).reason;
}

describe("orch cancel", () => {
  it("drops a held job", async () => {
    await using home = await createHost();
    const job = await runDetached(home, "--hold", "--", "touch", "ran");
    await cancel(home, job);
    expect(await untilOver(home, job)).toMatchObject({ state: "cancelled", attempts: 0, startedAt: null });
  });

  it("drops a queued job, which never runs", async () => {
    await using home = await createHost();
    const first = await occupy(home);
    const job = await runDetached(home, "--", "touch", "ran");
    expect((await untilState(home, job, "queued")).attempts).toBe(0);
    await cancel(home, job);
    home.write("go", "");
    expect(await untilOver(home, job)).toMatchObject({ state: "cancelled", attempts: 0, exitCode: null });
    expect((await untilOver(home, first)).state).toBe("succeeded");
    expect(existsSync(join(home.dir, "ran"))).toBe(false);
  });

  it("drops a job whose environment is being built, before its program runs [fault 46]", async () => {
    await using home = createHome();
    // The environment of its own takes seconds to build.
    addRuntime(home, "slow", ["python3", "-c", `open("${home.dir}/ran", "w")`], {
      protocol: "exec",
      params: "python: { requirements: requirements.txt }\n",
    });
    home.write("runtimes/slow/requirements.txt", "");
    await home.daemon();
    const job = await submit(home, "slow");
    const why = async () =>
      (await home.client.call("GET /jobs/:job/why", { job })).reason?.code === "preparing";
    await until("it is being built", why);
    await cancel(home, job);
    expect((await untilState(home, job, "cancelled")).reason?.code).toBe("cancelled");
    expect(existsSync(join(home.dir, "ran"))).toBe(false);
    expect(query(home, "SELECT * FROM leases WHERE released_at IS NULL")).toEqual([]);
  });

  it("ends a running command", async () => {
    await using home = await createHost();
    const job = await occupy(home);
    await cancel(home, job);
    expect(await untilOver(home, job)).toMatchObject({ state: "cancelled", attempts: 1 });
    expect(home.programs()).toEqual([]);
  });

  it("ends the job of a resident worker, and the worker goes on", async () => {
    await using home = await createHost();
    const job = await submit(home, "left", "--ms", "60000");
    const { worker } = await untilState(home, job, "running");
    await cancel(home, job);
    expect(await untilOver(home, job)).toMatchObject({ state: "cancelled" });
    const next = await untilOver(home, await submit(home, "left", "--tag", "next"));
    expect(next).toMatchObject({ state: "succeeded", worker, output: { tag: "next" } });
  });

  it("drops a job that waits for a switch, and what is there goes on [fault 46]", async () => {
    await using home = await createHost();
    const running = await submit(home, "left", "--until", join(home.dir, "go"));
    await untilState(home, running, "running");
    const summoned = home.spawn(["workers", "switch", "right"]);
    await until("left makes room", async () => {
      const { workers } = await home.client.call("GET /workers", {});
      return workers.some(({ state }) => state === "draining");
    });
    const job = await submit(home, "right", "--tag", "dropped");
    expect((await why(home, job)).code).toBe("draining");
    await cancel(home, job);
    expect(await untilOver(home, job)).toMatchObject({ state: "cancelled", attempts: 0 });
    home.write("go", "");
    expect((await untilOver(home, running)).state).toBe("succeeded");
    expect((await summoned.ended).stdout).toContain("right");
    expect((await untilOver(home, await submit(home, "left"))).state).toBe("succeeded");
  });

  it("refuses what is over already, and what never was [fault 46]", async () => {
    await using home = await createHost();
    const job = await runDetached(home, "--", "true");
    await untilOver(home, job);
    const over = await home.orch(["cancel", String(job)]);
    expect(over.code).not.toBe(0);
    expect(over.stderr).toContain(`job ${job} has ended (succeeded)`);
    const unknown = await home.orch(["cancel", "999"]);
    expect(unknown.code).toBe(5);
    expect(unknown.stderr).toContain("there is no job 999");
  });
});

describe("a job with a dependency", () => {
  it("runs once that has succeeded", async () => {
    await using home = await createHost();
    const first = await occupy(home);
    const second = await runDetached(home, "--after", String(first), "--", "true");
    expect((await untilState(home, second, "held")).reason).toMatchObject({ code: "dependency" });
    expect((await why(home, second)).text).toContain(`waits for job ${first} to succeed`);
    home.write("go", "");
    expect(await untilOver(home, second)).toMatchObject({ state: "succeeded" });
    const [row] = query<{ finished: number; started: number }>(
      home,
      `SELECT (SELECT finished_at FROM jobs WHERE id = ?) AS finished, started_at AS started FROM jobs WHERE id = ?`,
      first,
      second,
    );
    expect(row?.started).toBeGreaterThanOrEqual(row?.finished ?? Number.POSITIVE_INFINITY);
  });

  it("is cancelled when that fails, and so is what depends on it in turn", async () => {
    await using home = await createHost();
    const first = await runDetached(home, "--hold", "--", "false");
    const second = await runDetached(home, "--after", String(first), "--", "touch", "ran");
    const third = await runDetached(home, "--after", String(second), "--", "touch", "ran");
    await home.orch(["release", String(first)]);
    expect(await untilOver(home, third)).toMatchObject({ state: "cancelled" });
    const { state, reason } = await untilOver(home, second);
    expect([state, reason]).toEqual([
      "cancelled",
      { code: "dependency-failed", text: `job ${first}, which it waited for, failed` },
    ]);
    expect(existsSync(join(home.dir, "ran"))).toBe(false);
    const late = await home.orch(["run", "-d", "--after", String(first), "--", "true"]);
    expect(late.code).not.toBe(0);
    expect(late.stderr).toContain(`orch retry ${first}`);
  });
});

describe("a job", () => {
  it("that fails is tried again as often as it was told", async () => {
    await using home = await createHost();
    const job = await runDetached(home, "--retries", "1", "--", "sh", "-c", "echo x >>tries; exit 4");
    expect(await untilOver(home, job)).toMatchObject({ state: "failed", exitCode: 4, attempts: 2 });
    expect(readFileSync(join(home.dir, "tries"), "utf8")).toBe("x\nx\n");
    const { history } = await home.client.call("GET /jobs/:job", { job });
    expect(history.map(({ outcome, exitCode }) => [outcome, exitCode])).toEqual([
      ["failed", 4],
      ["failed", 4],
    ]);
  });

  it("that outlives its time limit ends with 124", async () => {
    await using home = await createHost();
    const { code, stderr } = await home.orch(["run", "--time", "300ms", "--", "sleep", "60"]);
    expect(code).toBe(124);
    expect(stderr).toContain("time limit");
    expect(await untilOver(home, 1)).toMatchObject({ state: "failed", reason: { code: "time-limit" } });
    expect(home.programs()).toEqual([]);
    const resident = await submit(home, "left", "--ms", "60000", "--time", "300ms");
    expect(await untilOver(home, resident)).toMatchObject({ state: "failed", exitCode: 124 });
  });

  it("can be held and released while it waits", async () => {
    await using home = await createHost();
    const first = await occupy(home);
    const job = await runDetached(home, "--", "true");
    expect((await home.orch(["hold", String(job)])).code).toBe(0);
    expect((await untilState(home, job, "held")).reason).toMatchObject({ code: "held" });
    const running = await home.orch(["hold", String(first)]);
    expect(running.code).not.toBe(0);
    expect(running.stderr).toContain("only waiting jobs can be held");
    home.write("go", "");
    await untilOver(home, first);
    expect((await untilState(home, job, "held", "succeeded")).state).toBe("held");
    expect((await home.orch(["release", String(job)])).code).toBe(0);
    expect((await untilOver(home, job)).state).toBe("succeeded");
  });

  it("of higher priority goes first; equal ones in order of age", async () => {
    await using home = await createHost();
    const first = await occupy(home);
    const tags: Record<string, string> = { a: "0", b: "-5", c: "7", d: "0" };
    for (const [tag, priority] of Object.entries(tags)) {
      await runDetached(home, `--priority=${priority}`, "--", "sh", "-c", `echo ${tag} >>order`);
    }
    home.write("go", "");
    await untilOver(home, first + 2);
    expect(readFileSync(join(home.dir, "order"), "utf8")).toBe("c\na\nd\nb\n");
  });

  it("that waits can say why, whatever it waits for", async () => {
    await using home = await createHost();
    await occupy(home);
    const cpu = await runDetached(home, "--", "true");
    expect(await why(home, cpu)).toMatchObject({
      code: "cpu-busy",
      text: expect.stringContaining("it needs 1 of 1 CPU cores"),
    });
    const gpu = await runDetached(home, "--gpus", "1", "--", "sleep", "60");
    await untilState(home, gpu, "running");
    const behind = await submit(home, "left");
    expect(await why(home, behind)).toMatchObject({ code: "gpu-busy" });
    expect((await why(home, behind)).text).toMatch(/^GPU 0 is held by run-\d+ \(running job \d+\)$/);
    const text = await home.orch(["why", String(behind)]);
    expect(text.stdout).toContain("GPU 0 is held by run-");
    expect((await home.orch(["ls"])).stdout).toContain("gpu-busy: GPU 0 is held by run-");
    const held = await runDetached(home, "--hold", "--", "true");
    expect((await why(home, held)).text).toContain(`orch release ${held}`);
  });

  it("larger than any GPU is refused at once, with what there is", async () => {
    await using home = await createHost();
    for (const args of [
      ["run", "--gpus", "1", "--vram", "2GiB", "--", "true"],
      ["run", "--gpus", "2", "--", "true"],
      ["submit", "left", "--vram", "2GiB"],
    ]) {
      const { code, stderr } = await home.orch(args);
      expect([args, code]).toEqual([args, 6]);
      expect(stderr).toMatch(/^error: .* needs .*; this host has GPU 0 with 1 GiB\n {2}try: orch gpus/);
    }
    expect(query(home, "SELECT id FROM jobs")).toEqual([]);
  });

  it("of an unknown runtime is refused with the name that was meant", async () => {
    await using home = await createHost();
    const { code, stderr } = await home.orch(["submit", "lefd", "--tag", "x"]);
    expect(code).toBe(5);
    expect(stderr).toMatch(/^error: .*lefd/);
    expect(stderr).toContain("left");
  });
});
