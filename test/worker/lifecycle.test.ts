import { once } from "node:events";
import { request } from "node:http";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/std/clock.ts";
import { waitUntilReady } from "../../src/worker/readiness.ts";
import type { PythonWorker } from "../kit/python-worker.ts";
import { healthOf, startPythonWorker, startReadyWorker } from "../kit/python-worker.ts";
import { until } from "../kit/until.ts";

function waitFor(worker: PythonWorker, deadlineMs: number, signal = new AbortController().signal) {
  const isGone = (): boolean => worker.child.exitCode !== null;
  const probe = (probeMs: number) => worker.protocol.health(worker.endpoint, probeMs);
  const deadlineWhy = "as the test declares";
  return waitUntilReady(probe, { deadlineMs, deadlineWhy, signal, clock: systemClock, isGone });
}

async function post(worker: PythonWorker, path: string): Promise<number | undefined> {
  const sent = request({ socketPath: worker.endpoint, method: "POST", path });
  sent.end();
  const [answer] = await once(sent, "response");
  answer.resume();
  return answer.statusCode;
}

describe("waiting until a worker is ready", () => {
  test("a slow load is waited for; meanwhile the worker says that it starts", async () => {
    await using worker = startPythonWorker("steps.py", { ORCH_LOAD: '{"delay":0.5}' });
    const ready = waitFor(worker, 20_000);
    expect(await until("the worker answers", () => healthOf(worker))).toMatchObject({ status: "starting" });
    expect(await ready).toEqual({ status: "ready", detail: null, vramBytes: null });
  });

  test("a failed load is a failure with its reason, and the worker ends by itself", async () => {
    await using worker = startPythonWorker("steps.py", { ORCH_LOAD: '{"fail":"no such model"}' });
    await expect(waitFor(worker, 20_000)).rejects.toMatchObject({
      code: "worker/failed",
      message: "the worker could not load",
      why: "RuntimeError: no such model",
    });
    expect(await worker.ended).toBe(1);
    expect(worker.printed()).toContain("Traceback");
  });

  test("a worker that never gets ready fails at the deadline", async () => {
    await using worker = startPythonWorker("steps.py", { ORCH_LOAD: '{"delay":60}' });
    await expect(waitFor(worker, 400)).rejects.toMatchObject({
      code: "worker/failed",
      message: "the worker was not ready within 400 ms (as the test declares)",
    });
  });

  test("a worker that takes connections and says nothing fails at the deadline", async () => {
    await using worker = startPythonWorker("garbage.py", { GARBAGE: "silent" });
    await expect(waitFor(worker, 400)).rejects.toMatchObject({ why: "nobody answered at its endpoint" });
  });

  test("a worker that speaks something else fails at the deadline and the failure says so", async () => {
    await using worker = startPythonWorker("garbage.py", { GARBAGE: "not-http" });
    await expect(waitFor(worker, 1_000)).rejects.toMatchObject({ why: "the worker does not speak HTTP" });
  });

  test("a worker that ends is not waited for", async () => {
    await using worker = startPythonWorker("no-such-file.py");
    await expect(waitFor(worker, 60_000)).rejects.toMatchObject({
      message: "the worker ended before it was ready",
    });
  });

  test("an abort ends the wait at once", async () => {
    await using worker = startPythonWorker("garbage.py", { GARBAGE: "silent" });
    const abort = new AbortController();
    const waiting = waitFor(worker, 60_000, abort.signal);
    setTimeout(() => abort.abort(), 50);
    await expect(waiting).rejects.toMatchObject({ code: "interrupted" });
  });
});

describe("SIGTERM", () => {
  test("ends an idle worker with 143 after unload", async () => {
    await using worker = await startReadyWorker();
    worker.child.kill("SIGTERM");
    expect(await worker.ended).toBe(143);
    expect(worker.printed()).toBe("unloaded\n");
  });

  test("ends one in the middle of a job, which is lost", async () => {
    await using worker = await startReadyWorker();
    const { events, outcome } = worker.run(1, { do: "until-file", path: "/nonexistent" });
    await until("the job runs", () => events.length > 0);
    worker.child.kill("SIGTERM");
    expect(await worker.ended).toBe(143);
    expect((await outcome).kind).toBe("lost");
  });

  test("ends one that is loading, without unload", async () => {
    await using worker = startPythonWorker("steps.py", { ORCH_LOAD: '{"delay":60}' });
    await until("it answers", () => healthOf(worker));
    worker.child.kill("SIGTERM");
    expect(await worker.ended).toBe(143);
    expect(worker.printed()).not.toContain("unloaded");
  });
});

test("a handler that could sleep but not wake up is not sent to sleep", async () => {
  await using worker = await startReadyWorker();
  expect(await post(worker, "/sleep")).toBe(501);
  expect(worker.printed()).not.toContain("asleep");
  expect(await post(worker, "/nowhere")).toBe(404);
});

test("a socket left by a dead worker is replaced", async () => {
  await using first = await startReadyWorker();
  first.child.kill("SIGKILL");
  await first.ended;
  await using second = startPythonWorker("steps.py", { ORCH_SOCKET: first.endpoint });
  await until(
    "it is ready",
    async () => (await second.protocol.health(first.endpoint, 500))?.status === "ready",
  );
});
