import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createOrchProtocol } from "../../src/worker/protocols/orch.ts";
import { healthOf, startPythonWorker } from "../kit/python-worker.ts";
import { until } from "../kit/until.ts";

async function withGarbage(garbage: string) {
  const worker = startPythonWorker("garbage.py", { GARBAGE: garbage });
  await until("it listens", () => existsSync(worker.endpoint));
  return worker;
}

describe("a worker that breaks the protocol loses its job", () => {
  test.each([
    ["not-http", /cannot be reached/],
    ["not-json", /no event/],
    ["wrong-shape", /no event/],
    ["escaping-artifact", /no event/],
    ["no-end", /without its result/],
    ["torn", /without its result/],
    ["long-line", /longer than/],
    ["status-500", /HTTP 500/],
  ])("%s", async (garbage, message) => {
    await using worker = await withGarbage(garbage);
    expect(await worker.run(1, {}).outcome).toEqual({
      kind: "lost",
      message: expect.stringMatching(message),
    });
  });

  test("nobody there", async () => {
    const protocol = createOrchProtocol();
    const job = { jobId: 1, attempt: 1, fence: 1, params: {}, outputDir: "/", correlation: "c" };
    expect((await protocol.run("/nonexistent/socket", job, () => undefined)).kind).toBe("lost");
    expect(await protocol.health("/nonexistent/socket", 100)).toBeNull();
    await protocol.cancel("/nonexistent/socket", 1);
    protocol.forget("/nonexistent/socket");
  });
});

test("a stream that does not end after its last event is not waited for", async () => {
  await using worker = await withGarbage("endless");
  expect((await worker.run(1, {}).outcome).kind).toBe("succeeded");
});

describe("health", () => {
  test.each([
    ["not-http", "the worker does not speak HTTP"],
    ["not-json", "the worker does not speak the worker protocol: bad answer to GET /healthz"],
    ["torn", "the worker does not speak the worker protocol: bad answer to GET /healthz"],
    ["status-500", "the worker answers GET /healthz with 500"],
  ])("%s is told as the detail of a worker that is not ready", async (garbage, detail) => {
    await using worker = await withGarbage(garbage);
    expect(await healthOf(worker)).toEqual({ status: "starting", detail, vramBytes: null });
  });

  test("a silent worker is given up at the deadline", async () => {
    await using worker = await withGarbage("silent");
    const startMs = performance.now();
    expect(await worker.protocol.health(worker.endpoint, 100)).toBeNull();
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });
});
