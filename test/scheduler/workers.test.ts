import { describe, expect, it } from "vitest";
import type { Dependency } from "../../src/scheduler/events.ts";
import { newJob } from "../../src/sim/users.ts";
import { Bench, command, GIB, model, outcome, sharer } from "../kit/scheduler.ts";

const sdxl = model("sdxl", { keepAliveMs: 10_000 });
const llama = model("llama");

const summons = { type: "start-worker", gpu: null, evict: false } as const;

describe("keep-alive", () => {
  it("stops a worker that was idle for that long, and not before", () => {
    const bench = new Bench();
    const id = bench.submit(sdxl);
    bench.ready(1);
    bench.nowMs += 60_000;
    bench.end(id);
    expect(bench.last.wakeAtMs).toBe(bench.nowMs + 10_000);
    bench.pass(9_999);
    expect(bench.effects).toEqual([]);
    bench.pass(1);
    expect(bench.effects).toEqual(["stop 1"]);
    expect(bench.worker(1).phase).toMatchObject({ state: "stopping", reason: "idle" });
  });

  it.each([
    { name: "0 stops it at once", keepAliveMs: 0, effects: ["stop 1"] },
    { name: "none keeps it", keepAliveMs: null, effects: [] },
  ])("of $name", ({ keepAliveMs, effects }) => {
    const bench = new Bench();
    const id = bench.submit(model("x", { keepAliveMs }));
    bench.ready(1);
    bench.end(id);
    expect(bench.effects).toEqual(effects);
    bench.pass(86_400_000);
    expect(bench.effects).toEqual([]);
  });

  it("is looked at again when its owner edits it", () => {
    const bench = new Bench();
    bench.end(readyJob(bench));
    bench.nowMs += 5_000;
    bench.submit({ ...sdxl, keepAliveMs: 1_000 }, { hold: true });
    expect(bench.effects).toEqual(["stop 1"]);
  });

  it("goes on when another worker of the lane takes the job", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    const wide = model("wide", { maxReplicas: 2, keepAliveMs: 1_000 });
    const jobs = [bench.submit(wide), bench.submit(wide)];
    bench.ready(1);
    bench.ready(2);
    for (const id of jobs) bench.end(id);
    bench.nowMs += 1_000;
    bench.submit(wide);
    expect(bench.effects).toEqual(["run 3 on 1"]);
    expect(bench.last.wakeAtMs).toBe(bench.nowMs + 1);
    bench.pass(1);
    expect(bench.effects).toEqual(["stop 2"]);
  });
});

function readyJob(bench: Bench): number {
  const id = bench.submit(sdxl);
  bench.ready(1);
  return id;
}

describe("a start that fails", () => {
  const fail = (bench: Bench, workerId: number, cause: "memory" | "program" = "program") =>
    bench.send({ type: "worker-start-failed", workerId, cause, message: "no such file" });

  it("is tried again after 1, 2, 4 s, and every third time the first job fails with the reason", () => {
    const bench = new Bench();
    const [first, second] = [bench.submit(sdxl), bench.submit(sdxl)];
    for (const [index, waitMs] of [1_000, 2_000, 4_000].entries()) {
      fail(bench, index + 1);
      expect(bench.stateOf(first)).toBe(index < 2 ? "queued" : "failed");
      const drawnMs = (bench.last.wakeAtMs ?? 0) - bench.nowMs;
      expect(drawnMs).toBeGreaterThanOrEqual(0.8 * waitMs);
      expect(drawnMs).toBeLessThanOrEqual(waitMs);
      const often = index === 0 ? "worker failed to start" : `workers failed ${index + 1} times in a row`;
      expect(bench.why(second)).toMatchObject({ code: "start-failed" });
      expect(bench.why(second)?.text).toMatch(`its ${often} (no such file); next try in `);
      bench.pass(drawnMs - 1);
      expect(bench.effects).toEqual([]);
      bench.pass(1);
      expect(bench.effects).toEqual([`start ${index + 2}`]);
    }
    bench.ready(4);
    expect(bench.stateOf(second)).toBe("running");
    expect(bench.worker(4).lane.startFailures).toBe(0);
  });

  it("is the same when a worker ends before it is ready", () => {
    const bench = new Bench();
    const id = bench.submit(sdxl);
    bench.exit(1);
    expect(bench.why(id)?.text).toMatch("sdxl-1 ended before it was ready: exit code 0");
  });

  it("fails a command whose program cannot be started, and gives back one whose memory was not free", () => {
    const bench = new Bench();
    const [first, second] = [bench.submit(command()), bench.submit(command())];
    fail(bench, 1);
    expect(bench.endOf(first)).toMatchObject({ exitCode: 125, reason: { code: "start-failed" } });
    fail(bench, 2, "memory");
    expect(bench.stateOf(second)).toBe("queued");
    expect(bench.job(second).attempts).toBe(0);
    expect(bench.last.changes.attemptsEnded).toMatchObject([{ attempt: 1, outcome: "not-started" }]);
  });

  it("is not held against the lane when it was called off", () => {
    const bench = new Bench();
    bench.submit(sdxl);
    bench.ask({ type: "stop-worker", workerId: 1, force: false });
    fail(bench, 1, "memory");
    expect(bench.effects).toEqual(["start 2"]);
  });

  it("costs the jobs of a worker nobody can find any more one attempt each", () => {
    const bench = new Bench();
    const lane = model("slots", { slots: 2 });
    const jobs = [bench.submit(lane), bench.submit(lane)];
    bench.ready(1);
    fail(bench, 1);
    expect(jobs.map((id) => bench.stateOf(id))).toEqual(["held", "held"]);
    expect(bench.last.changes.attemptsEnded.map((end) => end.outcome)).toEqual(["lost", "lost"]);
  });
});

describe("a summons", () => {
  it("starts a worker without jobs and keeps it while it starts, though others wait", () => {
    const bench = new Bench();
    bench.submit(sdxl);
    bench.ready(1);
    for (let count = 0; count < 3; count++) bench.submit(sdxl);
    expect(bench.ask({ ...summons, lane: llama, evict: true })).toEqual({ ok: true, ids: [] });
    bench.end(1);
    bench.exit(1);
    expect(bench.effects).toEqual(["start 2"]);
    bench.pass(1_000);
    expect(bench.effects).toEqual([]);
    bench.ready(2);
    expect(bench.effects).toEqual(["stop 2"]); // Idle, and jobs wait: whoever wants it to stay pins it.
  });

  it("gives the worker that is there already", () => {
    const bench = new Bench();
    bench.submit(sdxl);
    expect(bench.ask({ ...summons, lane: sdxl })).toEqual({ ok: true, ids: [1] });
  });

  it("waits for the GPU that was asked for", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    bench.submit(command());
    bench.ask({ ...summons, lane: llama, gpu: "GPU-0" });
    expect(bench.state.workers.size).toBe(1);
    bench.exit(1);
    expect(bench.worker(2).leases[0]?.gpu.uuid).toBe("GPU-0");
  });

  it("takes the GPU that was asked for as one of a gang's", () => {
    const bench = new Bench({ gpus: [{}, {}, {}] });
    bench.ask({ ...summons, lane: model("gang", { gpuCount: 2 }), gpu: "GPU-2" });
    expect(bench.worker(1).leases.map((lease) => lease.gpu.index)).toEqual([0, 2]);
  });
});

describe("stopping a worker", () => {
  it("lets its jobs finish, or ends them when forced", () => {
    const bench = new Bench();
    const id = readyJob(bench);
    bench.ask({ type: "stop-worker", workerId: 1, force: false });
    expect(bench.effects).toEqual([]);
    bench.ask({ type: "stop-worker", workerId: 1, force: true });
    expect(bench.effects).toEqual(["cancel 1", "stop 1"]);
    bench.exit(1);
    expect(bench.stateOf(id)).toBe("cancelled");
  });

  it("puts a pin away for good", () => {
    const bench = new Bench();
    readyJob(bench);
    bench.ask({ type: "pin-worker", workerId: 1, pinned: true });
    bench.ask({ type: "stop-worker", workerId: 1, force: false });
    expect([...bench.last.changes.workers].map((worker) => worker.pinned)).toEqual([false]);
  });
});

describe("a shutdown", () => {
  it.each([
    { mode: "leave", effects: ["stop 2"], state: "ready" },
    { mode: "drain", effects: ["stop 2"], state: "draining" },
    { mode: "kill", effects: ["cancel 1", "stop 1", "stop 2"], state: "stopping" },
  ] as const)("to $mode", ({ mode, effects, state }) => {
    const bench = new Bench({ gpus: [{}, {}] });
    readyJob(bench);
    const idle = bench.submit(llama);
    bench.ready(2);
    bench.end(idle);
    bench.ask({ type: "shut-down", mode });
    expect(bench.effects).toEqual(effects);
    expect(bench.worker(1).phase.state).toBe(state);
  });
});

describe("refusals", () => {
  const submission = (lane = sdxl, after: readonly Dependency[] = []) => ({
    type: "submit" as const,
    jobs: [newJob(lane, { after })],
  });
  const has = "this host has GPU 0 with 24 GiB";

  it.each([
    {
      request: submission(model("wide", { gpuCount: 2 })),
      code: "gpu/too-many",
      message: `wide needs 2 GPUs; ${has}`,
    },
    {
      request: submission(sharer("big", 30)),
      code: "gpu/too-large",
      message: `big needs 30 GiB on one GPU; ${has}`,
    },
    {
      request: submission(sdxl, [{ jobId: 7, condition: "succeeded", outcome: "failed" }]),
      code: "dependency/failed",
      message: "job 7, which it should wait for, failed",
    },
    { request: { type: "cancel", jobId: 99 }, code: "job/unknown", message: "there is no unfinished job 99" },
    {
      request: { type: "hold", jobId: 1 },
      code: "job/state",
      message: "job 1 is running; only waiting jobs can be held",
    },
    { request: { type: "release", jobId: 1 }, code: "job/state", message: "job 1 is running, not held" },
    {
      request: { type: "stop-worker", workerId: 9, force: false },
      code: "worker/unknown",
      message: "there is no worker 9",
    },
    {
      request: { ...summons, lane: sdxl, gpu: "GPU-7" },
      code: "gpu/unknown",
      message: "there is no GPU GPU-7",
    },
    {
      request: { ...summons, lane: command("train") },
      code: "worker/state",
      message: "train starts with its jobs, not before",
    },
  ] as const)("say $code: $message", ({ request, code, message }) => {
    const bench = new Bench();
    readyJob(bench);
    const reply = bench.ask(request);
    expect(reply).toMatchObject({ ok: false, code, message });
    expect(bench.last.changes.newJobs).toEqual([]);
    expect(bench.effects).toEqual([]);
  });

  it("refuse a summons for a GPU that is too small though another is not", () => {
    const bench = new Bench({ gpus: [{}, { totalBytes: 8 * GIB }] });
    const reply = bench.ask({ ...summons, lane: sharer("big", 20), gpu: "GPU-1" });
    expect(reply).toMatchObject({ code: "gpu/too-large", message: "big needs 20 GiB; GPU 1 has 8 GiB" });
  });

  it("refuse everything new while the daemon stops", () => {
    const bench = new Bench();
    bench.ask({ type: "shut-down", mode: "drain" });
    expect(bench.ask(submission())).toMatchObject({ ok: false, code: "daemon/stopping" });
    expect(bench.ask({ ...summons, lane: sdxl })).toMatchObject({ ok: false, code: "daemon/stopping" });
  });
});

describe("a lost worker", () => {
  it("has its lease taken back only when its exit is reported", () => {
    const bench = new Bench();
    readyJob(bench);
    bench.submit(llama);
    bench.send({ type: "job-ended", jobId: 1, attempt: 1, outcome: outcome("succeeded") });
    expect(bench.effects).toEqual(["stop 1"]);
    bench.pass(60_000);
    expect(bench.effects).toEqual([]);
    bench.exit(1);
    expect(bench.effects).toEqual(["start 2"]);
    expect(bench.worker(2).fence).toBe(2);
  });
});

it("a worker that is kept for ever is pinned from its start, and gives way once it is unpinned", () => {
  const bench = new Bench();
  const id = bench.submit(model("kept", { keepAliveMs: null }));
  bench.ready(1);
  bench.end(id);
  bench.submit(model("other"));
  expect(bench.worker(1).phase.state).toBe("ready");
  bench.send({ type: "pin-worker", workerId: 1, pinned: false });
  expect(bench.worker(1).phase.state).toBe("stopping");
});
