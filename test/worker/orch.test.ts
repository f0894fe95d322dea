import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JobEvent } from "../../src/worker/protocol.ts";
import { createOrchProtocol } from "../../src/worker/protocols/orch.ts";
import type { PythonWorker } from "../kit/python-worker.ts";
import { healthOf, startReadyWorker } from "../kit/python-worker.ts";
import { until } from "../kit/until.ts";

let worker: PythonWorker;
let nextJobId = 1;
beforeAll(async () => {
  worker = await startReadyWorker({ ORCH_LOAD: '{"model":"small"}' });
});
afterAll(() => worker[Symbol.asyncDispose]());

describe("a job", () => {
  test("gets its parameters and gives its events and its output", async () => {
    const jobId = nextJobId++;
    const { events, outcome } = worker.run(jobId, { prompt: "ü 🐳", do: null });
    expect(await outcome).toEqual({
      kind: "succeeded",
      output: { echo: { prompt: "ü 🐳", do: null }, load: { model: "small" }, job: jobId },
      artifacts: [],
    });
    expect(events.map((event) => event.type)).toEqual(["progress", "log", "output"]);
    expect(events[0]).toEqual({ type: "progress", fraction: 0.5, text: "half" });
  });

  test("saves files into its output folder, folders included", async () => {
    const { outcome } = worker.run(nextJobId++, { do: "save", name: "a/b.png" });
    expect(await outcome).toEqual({
      kind: "succeeded",
      output: "a/b.png",
      artifacts: [{ name: "a/b.png", bytes: 4, type: "image/png" }],
    });
    expect(readFileSync(join(worker.outputDir, "a/b.png"), "latin1")).toBe("\x89PNG");
  });

  test.each(["../x", "/etc/x", "a/../../x", "", ".", "a//b", "a\0b"])("cannot save as %j", async (name) => {
    const { outcome } = worker.run(nextJobId++, { do: "save", name });
    expect(await outcome).toMatchObject({ kind: "failed", message: expect.stringContaining("ValueError: ") });
  });

  test("cannot save through a link that leads out", async () => {
    symlinkSync("/tmp", join(worker.outputDir, "link"));
    const { outcome } = worker.run(nextJobId++, { do: "save", name: "link/orch-escaped" });
    expect(await outcome).toMatchObject({ kind: "failed" });
    expect(existsSync("/tmp/orch-escaped")).toBe(false);
  });

  test("fails with the type and text of its exception; the traceback is in the log", async () => {
    const { outcome } = worker.run(nextJobId++, { do: "raise" });
    expect(await outcome).toEqual({ kind: "failed", message: "ValueError: no such prompt" });
    await until("the traceback is printed", () => worker.printed().includes("in run"));
  });

  test.each([
    ["big-output", /bytes.*save it as a file/],
    ["odd-output", /ValueError/],
    ["exit", /SystemExit: 4/],
  ])("%s fails the job and leaves the worker alive", async (what, message) => {
    const { outcome } = worker.run(nextJobId++, { do: what });
    expect(await outcome).toEqual({ kind: "failed", message: expect.stringMatching(message) });
    expect((await healthOf(worker))?.status).toBe("ready");
  });

  test("reports progress at most 20 times a second, and the last of it always", async () => {
    const { events, outcome } = worker.run(nextJobId++, { do: "busy-progress" });
    expect((await outcome).kind).toBe("succeeded");
    const progress = events.filter((event) => event.type === "progress");
    expect(progress.length).toBeLessThan(30);
    expect(progress.at(-1)).toEqual({ type: "progress", fraction: 1, text: "last" });
  });

  test("writes a text: pieces that come fast go together, in order with all else, and are told again", async () => {
    const jobId = nextJobId++;
    const whole = `${Array.from({ length: 5_000 }, (_, at) => `${at} `).join("")}ü🐳`;
    const textsOf = (events: readonly JobEvent[]): string[] =>
      events.flatMap((event) => (event.type === "text" ? [event.text] : []));
    const first = worker.run(jobId, { do: "write", count: 5_000 });
    expect(await first.outcome).toEqual({ kind: "succeeded", output: whole, artifacts: [] });
    expect(textsOf(first.events).join("")).toBe(whole);
    expect(textsOf(first.events).length).toBeLessThan(200);
    const at = first.events.findIndex(({ type }) => type === "log");
    expect(textsOf(first.events.slice(at)), "what was written before a line is told before it").toEqual([
      "ü🐳",
    ]);
    const again = worker.run(jobId, {});
    await again.outcome;
    expect(textsOf(again.events).join("")).toBe(whole);
    const other = worker.run(nextJobId++, { do: "write", count: 1, returns: { text: "0 ü🐳" } });
    expect(await other.outcome).toMatchObject({ output: { text: "0 ü🐳" } });
  });

  test("cannot write more than an output may have", async () => {
    const { outcome } = worker.run(nextJobId++, { do: "write-much" });
    expect(await outcome).toMatchObject({
      kind: "failed",
      message: expect.stringMatching(/save it as a file/),
    });
  });

  test("keeps its events bounded: old lines go, the result stays", async () => {
    const jobId = nextJobId++;
    await worker.run(jobId, { do: "many-logs", count: 25_000 }).outcome;
    const replay = worker.run(jobId, {});
    expect(await replay.outcome).toMatchObject({ kind: "succeeded", output: 25_000 });
    expect(replay.events.length).toBeLessThanOrEqual(10_001);
    expect(replay.events).toContainEqual({ type: "log", text: "line 24999" });
  });
});

describe("cancelling", () => {
  test("reaches the handler, and the job ends as cancelled whatever it returns", async () => {
    const jobId = nextJobId++;
    const { events, outcome } = worker.run(jobId, { do: "until-cancelled" });
    await until("the job waits", () => events.length > 0);
    await worker.protocol.cancel(worker.endpoint, jobId);
    await worker.protocol.cancel(worker.endpoint, jobId);
    expect(await outcome).toEqual({ kind: "cancelled", message: "the job was cancelled" });
  });

  test("a job that the worker never had does no harm", async () => {
    await worker.protocol.cancel(worker.endpoint, 999_999);
    expect((await worker.run(nextJobId++, {}).outcome).kind).toBe("succeeded");
  });
});

describe("handing over again", () => {
  test("a daemon that comes back while the job runs attaches to it and sees all events", async () => {
    const jobId = nextJobId++;
    const path = join(worker.outputDir, `go-${jobId}`);
    const first = worker.run(jobId, { do: "until-file", path });
    await until("the job runs", () => first.events.length > 0);
    worker.protocol.forget(worker.endpoint);
    expect(await first.outcome).toMatchObject({ kind: "lost" });

    const events: JobEvent[] = [];
    const job = { jobId, attempt: 1, fence: 1, params: {}, outputDir: worker.outputDir, correlation: "c" };
    const again = createOrchProtocol().run(worker.endpoint, job, (event) => events.push(event));
    writeFileSync(path, "");
    expect(await again).toMatchObject({ kind: "succeeded" });
    expect(events[0]).toEqual({ type: "log", text: "waiting" });
  });

  test("a job that ended meanwhile is told, not run again; another attempt is", async () => {
    const jobId = nextJobId++;
    const path = join(worker.outputDir, `go-${jobId}`);
    writeFileSync(path, "");
    const first = await worker.run(jobId, { do: "until-file", path }).outcome;
    expect(await worker.run(jobId, { do: "until-file", path }).outcome).toEqual(first);
    expect(await worker.run(jobId, { do: "until-file", path }, { attempt: 2 }).outcome).not.toEqual(first);
  });
});

describe("refusals", () => {
  test("a second job while the only slot is taken is lost as busy", async () => {
    const jobId = nextJobId++;
    const { events, outcome } = worker.run(jobId, { do: "until-cancelled" });
    await until("the job waits", () => events.length > 0);
    expect(await worker.run(nextJobId++, {}).outcome).toMatchObject({
      kind: "lost",
      message: expect.stringContaining("busy"),
    });
    await worker.protocol.cancel(worker.endpoint, jobId);
    await outcome;
  });

  test("an older fence is refused from the first newer one on, for known jobs too [fault 21]", async () => {
    const jobId = nextJobId++;
    expect((await worker.run(jobId, {}, { fence: 7 }).outcome).kind).toBe("succeeded");
    for (const id of [jobId, nextJobId++]) {
      expect(await worker.run(id, {}, { fence: 6 }).outcome).toMatchObject({
        kind: "lost",
        message: expect.stringContaining("stale-fence"),
      });
    }
    expect((await worker.run(nextJobId++, {}, { fence: 7 }).outcome).kind).toBe("succeeded");
  });
});

test("a worker that crashes in the middle of a job loses it", async () => {
  await using other = await startReadyWorker();
  const { events, outcome } = other.run(1, { do: "crash" });
  expect((await outcome).kind).toBe("lost");
  expect(events).toContainEqual({ type: "log", text: "about to crash" });
  expect(await other.run(2, {}).outcome).toMatchObject({ kind: "lost" });
  expect(await healthOf(other)).toBeNull();
});

test("slots: so many jobs run side by side", async () => {
  await using other = await startReadyWorker({ ORCH_SLOTS: "2", ORCH_FENCE: "5" });
  const jobs = [1, 2].map((jobId) => other.run(jobId, { do: "until-cancelled" }, { fence: 5 }));
  await until("both run", () => jobs.every((job) => job.events.length > 0));
  expect((await other.run(3, {}, { fence: 5 }).outcome).kind).toBe("lost");
  await Promise.all([1, 2].map((jobId) => other.protocol.cancel(other.endpoint, jobId)));
  expect((await Promise.all(jobs.map((job) => job.outcome))).map((outcome) => outcome.kind)).toEqual([
    "cancelled",
    "cancelled",
  ]);
  expect((await other.run(4, {}, { fence: 4 }).outcome).kind).toBe("lost");
});
