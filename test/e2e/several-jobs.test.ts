import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { addResidents, addRuntime } from "./runtimes.ts";
import { runDetached, submit, untilState, useOrch } from "./session.ts";

const createHome = useOrch();

async function createHost(): Promise<OrchHome> {
  const home = createHome();
  addResidents(home);
  await home.daemon();
  return home;
}

describe("orch workers switch", () => {
  it("tells what is done until the new worker is ready, and what that took", async () => {
    await using home = await createHost();
    const job = await submit(home, "left", "--ms", "60000");
    await untilState(home, job, "running");
    const switching = home.spawn(["workers", "switch", "right", "--gpu", "0"]);
    await until("left drains", async () => (await stateOfWorker(home, "left-1")) === "draining");
    await home.client.call("POST /jobs/:job/cancel", { job });
    const { code, stdout, stderr } = await switching.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.trimEnd().split("\n");
    const phases = lines.map((line) => [line.slice(0, 11).trimEnd(), line.split(/\s+/).at(-1)]);
    // Steps that take no time to speak of need not be seen.
    expect(phases.filter(([phase]) => phase !== "environment" && phase !== "start")).toEqual([
      ["drain", "left-1"],
      ["stop", "left-1"],
      ["VRAM wait", "right-2"],
      ["load", "right-2"],
      ["ready", "right-2"],
    ]);
    for (const line of lines) expect(line).toMatch(/ \d+(\.\d)? m?s /);
    const { workers } = await home.client.call("GET /workers", {});
    expect(workers).toMatchObject([{ name: "right-2", state: "ready" }]);
    expect((await home.orch(["workers", "switch", "right"])).stdout).toBe("worker right-2 ready (idle)\n");
  });

  it("says who is in the way as long as nothing can begin", async () => {
    await using home = await createHost();
    await home.orch(["workers", "switch", "left"]);
    await home.orch(["workers", "pin", "left-1"]);
    const switching = home.spawn(["workers", "switch", "right"]);
    await until("it says so", () =>
      switching.stderr().includes("orch: GPUs are held by left-1 (idle, pinned)\n"),
    );
    await home.orch(["workers", "unpin", "left-1"]);
    const { code, stdout } = await switching.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^stop .* left-1$/m);
    expect(switching.stderr().split("\n"), "once").toHaveLength(2);
  });

  it("exits with 1 when the worker does not get ready, also after a restart of the daemon", async () => {
    await using home = createHome();
    addRuntime(home, "broken", ["sh", "-c", "while [ ! -e go ]; do sleep 0.02; done; exit 3"]);
    const daemon = await home.daemon();
    const switching = home.spawn(["workers", "switch", "broken"]);
    const [worker] = await untilWorkers(home);
    expect(worker?.name).toBe("broken-1");
    await daemon.kill();
    await home.daemon();
    home.write("runtimes/broken/go", "");
    const { code, stderr } = await switching.ended;
    expect(code).toBe(1);
    expect(stderr).toContain("error: broken-1 did not get ready\n  why: broken-1 is failed");
  });
});

async function stateOfWorker(home: OrchHome, name: string): Promise<string | undefined> {
  const { workers } = await home.client.call("GET /workers", {});
  return workers.find((worker) => worker.name === name)?.state;
}

async function untilWorkers(home: OrchHome) {
  return until("a worker loads", async () => {
    const { workers } = await home.client.call("GET /workers", {});
    return workers.some(({ detail }) => detail === "it loads") ? workers : null;
  });
}

describe("several jobs at once", () => {
  it("logs -f prints each line behind its job, in order, also over a kill of the daemon", async () => {
    await using home = createHome();
    const daemon = await home.daemon();
    const script = (name: string) =>
      `echo ${name} 1; while [ ! -e go ]; do sleep 0.02; done; echo ${name} 2; echo ${name} 3`;
    const jobs: number[] = [];
    for (const name of ["a", "b", "c"]) jobs.push(await runDetached(home, "--", "sh", "-c", script(name)));
    for (const job of jobs) await untilState(home, job, "running");
    const following = home.spawn(["logs", "-f", ...jobs.map(String), "--no-color"]);
    await until("all first lines", () => following.stdout().split("\n").length > 3);
    await daemon.kill();
    await until("the loss", () => following.stderr().includes("lost the daemon"));
    home.write("go", "");
    await home.daemon();
    const { code, stdout } = await following.ended;
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    for (const [index, name] of ["a", "b", "c"].entries()) {
      const own = lines.filter((line) => line.startsWith(`job ${jobs[index]} | `));
      expect(own).toEqual([1, 2, 3].map((number) => `job ${jobs[index]} | ${name} ${number}`));
    }
    expect(lines).toHaveLength(9);
  });

  it("wait --any, --state and --timeout", async () => {
    await using home = await createHost();
    const forever = await runDetached(home, "--", "sleep", "60");
    expect(await home.orch(["wait", String(forever), "--state", "running", "-q"])).toMatchObject({
      code: 0,
      stdout: `${forever}\n`,
    });
    const three = await runDetached(home, "--", "sh", "-c", "exit 3");
    const any = await home.orch(["wait", String(forever), String(three), "--any"]);
    expect(any).toMatchObject({ code: 3, stderr: "" });
    expect(any.stdout).toContain(`job ${three} failed`);
    const late = await home.orch(["wait", String(forever), "--timeout", "100ms"]);
    expect(late).toMatchObject({
      code: 124,
      stderr: expect.stringContaining(`job ${forever} is not finished`),
    });
    const never = await home.orch(["wait", String(three), "--state", "succeeded"]);
    expect(never.code).toBe(3);
  });

  it("submit --batch --wait sums up what failed", async () => {
    await using home = await createHost();
    const lines = [{ tag: "a" }, { deadly: true }, { tag: "c" }].map((params) =>
      JSON.stringify({ runtime: "left", params }),
    );
    home.write("jobs.jsonl", `${lines.join("\n")}\n`);
    const run = await home.orch(["submit", "--batch", "jobs.jsonl", "--wait", "--out", "out"]);
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(/^orch: 1 of 3 jobs did not succeed\n {2}job 2 failed \(/m);
    expect(run.stderr).toMatch(/\n {2}try: orch logs 2; orch retry 2\n$/);
    expect(existsSync(`${home.dir}/out/1/said.txt`)).toBe(true);
    expect(existsSync(`${home.dir}/out/3/said.txt`)).toBe(true);
  });
});
