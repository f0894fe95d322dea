import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ config: "cpuCores: 2\n" });
});
afterAll(() => host[Symbol.asyncDispose]());

const UNKNOWN = 99_999;
const jobRoutes = [
  "POST /jobs/:job/cancel",
  "POST /jobs/:job/retry",
  "POST /jobs/:job/hold",
  "POST /jobs/:job/release",
] as const;

describe("run", () => {
  test("runs a command where, and with the environment in which, it was asked for", async () => {
    const job = await host.sh('echo "$GREETING from $(pwd) as job $ORCH_JOB"; exit 7', {
      env: { GREETING: "hello" },
    });
    expect(job).toMatchObject({ runtime: "run", attempts: 1 });
    const done = await host.until(job.id, "failed");
    expect(done).toMatchObject({ exitCode: 7, reason: { code: "failed" } });
    const { stdout } = await host.cli("logs", String(job.id));
    expect(stdout).toBe(`hello from ${host.home} as job ${job.id}\n`);
  });

  test("holds a GPU and sees that alone", async () => {
    const job = await host.sh('echo "$CUDA_VISIBLE_DEVICES"', { gpus: 1 });
    const done = await host.until(job.id, "succeeded");
    expect(done.gpus).toEqual(["GPU-virtual-0"]);
    expect((await host.cli("logs", String(job.id))).stdout).toBe("GPU-virtual-0\n");
    const blind = await host.sh('echo "[$CUDA_VISIBLE_DEVICES]"');
    await host.until(blind.id, "succeeded");
    expect((await host.cli("logs", String(blind.id))).stdout).toBe("[]\n");
  });

  test("refuses a folder that is missing, and a shared lease without an amount", async () => {
    const nowhere = { command: ["true"], cwd: "/nowhere/at/all" };
    const missing = await refusal("file/missing", host.client.call("POST /jobs/run", nowhere));
    expect(missing.message).toContain("/nowhere/at/all");
    await refusal(
      "request/malformed",
      host.client.call("POST /jobs/run", { command: ["true"], cwd: "here" }),
    );
    await refusal("request/malformed", host.client.call("POST /jobs/run", { command: [], cwd: "/" }));
    await refusal("usage/invalid", host.sh("true", { gpus: 1, mode: "shared" }));
  });

  test("of a program that does not exist ends as a shell would have it, and its log names it", async () => {
    const job = await host.client.call("POST /jobs/run", { command: ["no-such-program"], cwd: "/" });
    const done = await host.until(job.id, "failed");
    expect(done.exitCode).toBe(127);
    expect((await host.cli("logs", String(job.id))).stdout).toContain("no-such-program");
  });

  test("stops at its time limit", async () => {
    const job = await host.sh("sleep 60", { options: { timeLimitMs: 100 } });
    const done = await host.until(job.id, "failed");
    expect(done.reason?.code).toBe("time-limit");
  });
});

describe("cancel", () => {
  test("drops a waiting job and stops a running one", async () => {
    const waiting = await host.sh("true", { options: { hold: true } });
    const dropped = await host.client.call("POST /jobs/:job/cancel", { job: waiting.id });
    expect(dropped).toMatchObject({ state: "cancelled", attempts: 0, reason: { code: "cancelled" } });
    const running = await host.sh("sleep 60");
    await host.until(running.id, "running");
    await host.client.call("POST /jobs/:job/cancel", { job: running.id });
    expect((await host.until(running.id, "cancelled")).attempts).toBe(1);
  });
});

describe("hold and release", () => {
  test("keep a job waiting until it is let go", async () => {
    const job = await host.sh("true", { options: { hold: true } });
    expect(job).toMatchObject({ state: "held", reason: { code: expect.stringContaining("held") } });
    await host.client.call("POST /jobs/:job/hold", { job: job.id });
    const released = await host.client.call("POST /jobs/:job/release", { job: job.id });
    expect(released.state).not.toBe("held");
    await host.until(job.id, "succeeded");
  });

  test("say what is the matter in the wrong state", async () => {
    const job = await host.sh("sleep 60");
    await host.until(job.id, "running");
    const held = await refusal("job/state", host.client.call("POST /jobs/:job/hold", { job: job.id }));
    expect(held).toMatchObject({
      message: `job ${job.id} is running; only waiting jobs can be held`,
      hint: `orch cancel ${job.id}`,
    });
    await refusal("job/state", host.client.call("POST /jobs/:job/release", { job: job.id }));
    await refusal("job/state", host.client.call("POST /jobs/:job/retry", { job: job.id }));
    await host.client.call("POST /jobs/:job/cancel", { job: job.id });
    await host.until(job.id, "cancelled");
    for (const route of jobRoutes) {
      if (route === "POST /jobs/:job/retry") continue;
      const failure = await refusal("job/state", host.client.call(route, { job: job.id }));
      expect(failure.hint, route).toBe(`orch retry ${job.id}`);
    }
  });
});

describe("an unknown job", () => {
  test.each([...jobRoutes, "GET /jobs/:job", "GET /jobs/:job/why"] as const)("%s", async (route) => {
    const failure = await refusal("job/unknown", host.client.call(route, { job: UNKNOWN }));
    expect(failure).toMatchObject({ message: `there is no job ${UNKNOWN}`, hint: "orch ls --all" });
  });
});

describe("retry", () => {
  test("makes a new job of the same work, and leaves the old one as it is", async () => {
    const job = await host.sh("test -e again || exit 4", { options: { label: "twice", priority: 3 } });
    await host.until(job.id, "failed");
    const before = await host.client.call("GET /jobs/:job", { job: job.id });
    writeFileSync(join(host.home, "again"), "");
    const again = await host.client.call("POST /jobs/:job/retry", { job: job.id });
    expect(again.id).toBeGreaterThan(job.id);
    expect(again).toMatchObject({ label: "twice", priority: 3, summary: job.summary });
    await host.until(again.id, "succeeded");
    expect(await host.client.call("GET /jobs/:job", { job: job.id })).toEqual(before);
  });

  test("attempts of one job are on record, each with its end", async () => {
    const job = await host.sh("test -e once || { touch once; exit 9; }", { options: { retries: 1 } });
    await host.until(job.id, "succeeded");
    const { history, attempts } = await host.client.call("GET /jobs/:job", { job: job.id });
    expect(attempts).toBe(2);
    expect(history).toMatchObject([
      { attempt: 1, outcome: "failed", exitCode: 9 },
      { attempt: 2, outcome: "succeeded", exitCode: 0 },
    ]);
  });
});

describe("why", () => {
  test("tells place and reason of a waiting job, and the end of a finished one", async () => {
    const holder = await host.sh("sleep 60", { gpus: 1 });
    await host.until(holder.id, "running");
    const first = await host.sh("true", { gpus: 1 });
    const second = await host.sh("true", { gpus: 1 });
    const urgent = await host.sh("true", { gpus: 1, options: { priority: 9 } });
    const why = await host.client.call("GET /jobs/:job/why", { job: second.id });
    expect(why).toMatchObject({ position: 3, ahead: [urgent.id, first.id], reason: { code: "gpu-busy" } });
    expect(why.job.reason, "the same sentence everywhere").toEqual(why.reason);
    const { jobs } = await host.client.call("GET /jobs", { states: ["queued"] });
    expect(jobs.map(({ id }) => id)).toEqual([urgent.id, second.id, first.id]);
    expect(jobs.find(({ id }) => id === second.id)?.reason).toEqual(why.reason);
    expect(await host.client.call("GET /jobs/:job/why", { job: holder.id })).toMatchObject({
      position: null,
      ahead: [],
      reason: { code: "running" },
    });
    for (const { id } of [first, second, urgent, holder])
      await host.client.call("POST /jobs/:job/cancel", { job: id });
    await host.until(holder.id, "cancelled");
    const after = await host.client.call("GET /jobs/:job/why", { job: second.id });
    expect(after).toMatchObject({ position: null, reason: { code: "cancelled" } });
  });

  test("names the CPU slots when those are the reason", async () => {
    const both = [await host.sh("sleep 60"), await host.sh("sleep 60")];
    const third = await host.sh("true");
    const why = await host.client.call("GET /jobs/:job/why", { job: third.id });
    expect(why).toMatchObject({ position: 1, reason: { code: "cpu-busy" } });
    for (const { id } of both) await host.client.call("POST /jobs/:job/cancel", { job: id });
    await host.until(third.id, "succeeded");
  });
});

describe("ls", () => {
  test("pages from the newest on, and counts", async () => {
    addEchoRuntime(host, "echo");
    const { ids } = await host.client.call("POST /jobs/batch", {
      jobs: Array.from({ length: 5 }, () => ({
        runtime: "echo",
        params: { text: "hello" },
        options: { hold: true },
      })),
    });
    const newest = ids.toReversed();
    const first = await host.client.call("GET /jobs", { runtime: "echo", limit: 2 });
    expect(first.jobs.map(({ id }) => id)).toEqual(newest.slice(0, 2));
    const before = newest[1] ?? 0;
    const rest = await host.client.call("GET /jobs", { runtime: "echo", states: ["held"], before });
    expect(rest.jobs.map(({ id }) => id)).toEqual(newest.slice(2));
    expect(rest.total).toBe(5);
    await refusal("request/malformed", host.client.call("GET /jobs", { limit: 0 }));
    await refusal("request/malformed", host.client.call("GET /jobs", { states: ["lost" as "held"] }));
  });
});
