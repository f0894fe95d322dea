import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost();
  addEchoRuntime(host, "echo");
  addEchoRuntime(host, "other");
  addEchoRuntime(host, "lingers", { leavesAfterMs: 3_000 });
});
afterAll(() => host[Symbol.asyncDispose]());

const say = (runtime: string, seconds: number, priority = 0) =>
  host.client.call("POST /jobs", { runtime, params: { text: "x", seconds }, options: { priority } });

async function idle(): Promise<void> {
  await until("nothing waits or runs", async () => {
    const { total } = await host.client.call("GET /jobs", { states: ["queued", "starting", "running"] });
    return total === 0;
  });
}

describe("answers of a daemon", () => {
  test("why foretells the start, from what was measured, and learns how good that was", async () => {
    for (let count = 0; count < 3; count++) await host.until((await say("echo", 1)).id, "succeeded");
    const first = await say("echo", 1);
    await host.until(first.id, "running");
    const jobs = [await say("echo", 1), await say("echo", 1), await say("echo", 1)];
    const last = jobs.at(-1) ?? first;
    const askedAtMs = Date.now();
    const answer = await host.client.call("GET /jobs/:job/why", { job: last.id });
    expect(answer).toMatchObject({
      position: 3,
      reason: { code: "worker-busy" },
      eta: { extrapolated: false },
    });
    const etaMs = answer.eta?.inMs ?? 0;
    expect(etaMs).toBeGreaterThan(2_000);
    const started = await host.until(last.id, "succeeded");
    const waitMs = Date.parse(started.startedAt ?? "") - askedAtMs;
    expect(Math.abs(waitMs - etaMs) / waitMs, `${etaMs} ms foretold, ${waitMs} ms waited`).toBeLessThan(0.25);
    const next = await say("echo", 1);
    await say("echo", 0);
    const error = (await host.client.call("POST /jobs/dry-run", { runtime: "echo", params: { text: "x" } }))
      .start?.error;
    expect(error?.count).toBeGreaterThanOrEqual(1);
    expect(error?.meanMs).toBeLessThan(waitMs);
    await host.until(next.id, "succeeded");
    await idle();
  });

  test("plan tells who makes room for whom, and the jobs in between", async () => {
    const running = await say("echo", 2);
    await host.until(running.id, "running");
    const waiting = await say("other", 0);
    const { decisions, complete } = await host.client.call("GET /plan", {});
    expect(complete).toBe(true);
    const echo = (await host.client.call("GET /jobs/:job", { job: running.id })).worker;
    expect(decisions.slice(0, 5)).toMatchObject([
      { kind: "end-job", job: running.id, worker: echo },
      { kind: "stop-worker", worker: echo, why: expect.stringContaining("makes room for other") },
      { kind: "start-worker", lane: "other?voice=", gpus: ["GPU-virtual-0"] },
      { kind: "start-job", job: waiting.id },
      { kind: "end-job", job: waiting.id },
    ]);
    expect((await host.client.call("GET /plan", { limit: 2 })).decisions).toEqual([
      expect.objectContaining({ kind: "end-job" }),
      expect.objectContaining({ kind: "stop-worker" }),
    ]);
    const why = await host.client.call("GET /jobs/:job/why", { job: waiting.id });
    expect(why).toMatchObject({ position: 1, evicts: [{ kind: "stop-worker", worker: echo }] });
    const held = await host.client.call("POST /jobs", {
      runtime: "other",
      params: { text: "x" },
      options: { hold: true },
    });
    expect(await host.client.call("GET /jobs/:job/why", { job: held.id })).toMatchObject({
      position: null,
      lanesBefore: [],
      evicts: [],
    });
    await host.client.call("POST /jobs/:job/cancel", { job: held.id });
    const { stdout } = await host.cli("plan");
    expect(stdout).toMatch(new RegExp(`stop ${echo} +.*makes room for other`));
    await host.until(waiting.id, "succeeded");
    await idle();
  });

  test("why names who goes first and who is leaving", async () => {
    const resident = await say("lingers", 1);
    await host.until(resident.id, "running");
    const before = await say("lingers", 0, 10);
    const waiting = await say("other", 0);
    const early = await host.client.call("GET /jobs/:job/why", { job: waiting.id });
    expect(early).toMatchObject({ lanesBefore: [{ lane: "lingers?voice=", jobs: 1 }], leaving: [] });
    let leaving = early.leaving;
    await until("its worker leaves", async () => {
      ({ leaving } = await host.client.call("GET /jobs/:job/why", { job: waiting.id }));
      return leaving.some(({ detail }) => detail.startsWith("stopping"));
    });
    const { worker } = await host.client.call("GET /jobs/:job", { job: before.id });
    expect(leaving).toEqual([{ worker, detail: "stopping (evicted)" }]);
    await host.until(waiting.id, "succeeded");
    await idle();
  });

  test("a dry run says where, when and who would make room; nothing is stored and nobody is moved", async () => {
    await host.until((await say("echo", 0)).id, "succeeded");
    const { total } = await host.client.call("GET /jobs", {});
    const { workers } = await host.client.call("GET /workers", {});
    const resident = workers[0]?.name;
    const warm = await host.client.call("POST /jobs/dry-run", { runtime: "echo", params: { text: "x" } });
    expect(warm).toMatchObject({
      fits: true,
      placement: `on its resident worker ${resident}, now`,
      start: { inMs: 0 },
      evicts: [],
    });
    const cold = await host.client.call("POST /jobs/dry-run", { runtime: "other", params: { text: "x" } });
    expect(cold).toMatchObject({
      fits: true,
      placement: "on GPU 0 (24 GiB), once there is room",
      evicts: [{ kind: "stop-worker", worker: resident, lane: "echo?voice=" }],
    });
    expect(cold.start?.inMs).toBeGreaterThan(0);
    const held = { runtime: "other", params: { text: "x" }, options: { hold: true } };
    expect(await host.client.call("POST /jobs/dry-run", held)).toMatchObject({
      fits: true,
      start: null,
      placement: expect.stringMatching(/^it would wait: held by a person/),
    });
    expect((await host.client.call("GET /jobs", {})).total).toBe(total);
    expect((await host.client.call("GET /workers", {})).workers).toMatchObject(
      workers.map(({ name, state }) => ({ name, state })),
    );
  });

  test("a dry run of a command does so too", async () => {
    const command = { command: ["sleep", "1"], cwd: "/", env: {}, gpus: 1 };
    const { total } = await host.client.call("GET /jobs", {});
    const view = await host.client.call("POST /jobs/run/dry-run", command);
    expect(view).toMatchObject({
      runtime: "run",
      fits: true,
      placement: "on GPU 0 (24 GiB), once there is room",
      evicts: [{ kind: "stop-worker" }],
      command: ["sleep", "1"],
    });
    expect(view.env).toEqual({
      CUDA_DEVICE_ORDER: "PCI_BUS_ID",
      CUDA_VISIBLE_DEVICES: expect.stringMatching(/^GPU-/),
    });
    const tooMany = await host.client.call("POST /jobs/run/dry-run", { ...command, gpus: 9 });
    expect(tooMany).toMatchObject({ fits: false, placement: expect.stringMatching(/9 GPUs/) });
    expect((await host.client.call("GET /jobs", {})).total).toBe(total);
  });

  test("who follows a waiting job hears of a new reason, and of no countdown", async () => {
    const running = await say("echo", 3);
    await host.until(running.id, "running");
    const waiting = await say("other", 0);
    const codes: string[] = [];
    for await (const line of host.client.stream("GET /follow", { jobs: [waiting.id] }))
      if (line.type === "job") codes.push(`${line.job.state} ${line.job.reason?.code ?? "-"}`);
    expect(codes[0]).toBe("queued gpu-busy");
    expect(codes[1], "nothing of the job itself has changed yet").toMatch(
      /^queued (draining|worker-starting)$/,
    );
    expect(new Set(codes).size, "each is told once").toBe(codes.length);
  });
});
