import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WorkerView } from "../../src/protocol/views.ts";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";
import { until } from "../kit/until.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ gpus: "virtual:1x24GiB" });
  addEchoRuntime(host, "red", { vram: "20GiB" });
  addEchoRuntime(host, "blue", { vram: "20GiB" });
  addEchoRuntime(host, "small", { vram: "4GiB", mode: "shared" });
});
afterAll(() => host[Symbol.asyncDispose]());

async function worker(id: number): Promise<WorkerView> {
  const { workers } = await host.client.call("GET /workers", { all: true });
  const found = workers.find((candidate) => candidate.id === id);
  if (!found) throw new Error(`there is no worker ${id}`);
  return found;
}

const untilWorker = (id: number, ...states: WorkerView["state"][]): Promise<WorkerView> =>
  until(`worker ${id} is ${states.join(" or ")}`, async () => {
    const found = await worker(id);
    return states.includes(found.state) ? found : null;
  });

/** Makes the GPU empty again. */
async function stopAll(): Promise<void> {
  const { workers } = await host.client.call("GET /workers", {});
  for (const { id } of workers)
    await host.client.call("POST /workers/:worker/stop", { worker: String(id), force: true });
  for (const { id } of workers) await untilWorker(id, "gone");
}

describe("worker start", () => {
  test("starts one, shows it with its lease and process, and gives the same one when asked again", async () => {
    const started = await host.client.call("POST /workers/start", { runtime: "red" });
    expect(started).toMatchObject({
      runtime: "red",
      mode: "exclusive",
      vramBytes: 20 * 2 ** 30,
      pinned: false,
    });
    const ready = await untilWorker(started.id, "ready");
    expect(ready.gpus).toEqual(["GPU-virtual-0"]);
    expect(ready.readyAt).not.toBeNull();
    expect(ready.slots).toBe(1);
    expect(Date.parse(ready.since)).toBeGreaterThanOrEqual(Date.parse(ready.startedAt));
    // Idle since it is ready, and kept for five minutes.
    expect(Date.parse(ready.keptUntil ?? "") - Date.parse(ready.since)).toBe(300_000);
    const pinned = await host.client.call("POST /workers/:worker/pin", { worker: ready.name, pinned: true });
    expect(pinned.keptUntil).toBeNull();
    await host.client.call("POST /workers/:worker/pin", { worker: ready.name, pinned: false });
    process.kill(ready.pid ?? 0, 0);
    const { gpus } = await host.client.call("GET /gpus", {});
    expect(gpus[0]?.leases).toEqual([
      { worker: ready.name, mode: "exclusive", vramBytes: 20 * 2 ** 30, usedBytes: 0, fence: ready.fence },
    ]);
    expect((await host.client.call("POST /workers/start", { runtime: "red" })).id).toBe(started.id);
    await stopAll();
    expect((await host.client.call("GET /gpus", {})).gpus[0]?.leases).toEqual([]);
  });

  test("that cannot load says why", async () => {
    const started = await host.client.call("POST /workers/start", {
      runtime: "red",
      params: { voice: "broken" },
    });
    const failed = await untilWorker(started.id, "failed");
    expect(failed.detail).toContain("the voice is broken");
  });

  test("is refused for what is no worker's: unknown runtime, wrong params, a one-shot runtime", async () => {
    const start = (runtime: string, params = {}) =>
      host.client.call("POST /workers/start", { runtime, params });
    await refusal("runtime/unknown", start("rde"));
    await refusal("param/unknown", start("red", { colour: "x" }));
    await refusal("param/unknown", start("red", { text: "belongs to a job" }));
    await refusal("worker/state", start("charlm-train"));
  });

  test("waits while the GPU is busy; the caller may leave without harm", async () => {
    const busy = await host.client.call("POST /jobs", { runtime: "red", params: { text: "x", seconds: 60 } });
    await host.until(busy.id, "running");
    const patience = new AbortController();
    const waiting = host.client.call("POST /workers/start", { runtime: "blue" }, { signal: patience.signal });
    waiting.catch(() => {});
    await until("it is asked for", async () => {
      for await (const event of host.client.stream("GET /events", { limit: 5 }))
        if (event.type === "worker-summoned") return true;
      return false;
    });
    patience.abort();
    await expect(waiting).rejects.toThrow();
    await host.client.call("POST /jobs/:job/cancel", { job: busy.id });
    const { id } = await until("blue gets its worker all the same", async () => {
      const { workers } = await host.client.call("GET /workers", {});
      return workers.find(({ runtime }) => runtime === "blue");
    });
    await untilWorker(id, "ready");
    await stopAll();
    expect(
      host
        .log()
        .split("\n")
        .filter((line) => line.includes('"level":50')),
    ).toEqual([]);
  });
});

describe("worker switch", () => {
  test("makes another runtime resident, and the old one gives its place", async () => {
    const red = await host.client.call("POST /workers/start", { runtime: "red" });
    await untilWorker(red.id, "ready");
    const blue = await host.client.call("POST /workers/switch", { runtime: "blue", gpu: "0" });
    expect(blue.gpus).toEqual(["GPU-virtual-0"]);
    expect(blue.fence).toBeGreaterThan(red.fence);
    await untilWorker(blue.id, "ready");
    expect((await worker(red.id)).state).toBe("gone");
    await stopAll();
  });

  test("to a GPU that does not exist is refused", async () => {
    const asked = { runtime: "blue", gpu: "7" };
    const failure = await refusal("gpu/unknown", host.client.call("POST /workers/switch", asked));
    expect(failure.message).toBe('there is no GPU "7"');
  });
});

describe("worker stop", () => {
  test("lets the job in hand end, or cancels it with force", async () => {
    const job = await host.client.call("POST /jobs", {
      runtime: "small",
      params: { text: "x", seconds: 0.5 },
    });
    const { worker: name } = await host.until(job.id, "running");
    const stopping = await host.client.call("POST /workers/:worker/stop", { worker: name ?? "" });
    expect(stopping.state).toBe("draining");
    await host.until(job.id, "succeeded");
    await untilWorker(stopping.id, "gone");
    const long = await host.client.call("POST /jobs", {
      runtime: "small",
      params: { text: "x", seconds: 60 },
    });
    const running = await host.until(long.id, "running");
    await host.client.call("POST /workers/:worker/stop", { worker: running.worker ?? "", force: true });
    await host.until(long.id, "cancelled");
    await stopAll();
  });

  test("of an unknown worker is refused", async () => {
    const asked = { worker: "red-99" };
    for (const call of [
      host.client.call("POST /workers/:worker/stop", asked),
      host.client.call("POST /workers/:worker/pin", { ...asked, pinned: true }),
    ]) {
      const failure = await refusal("worker/unknown", call);
      expect(failure).toMatchObject({ message: 'there is no worker "red-99"', hint: "orch workers ls" });
    }
  });
});

describe("worker pin", () => {
  test("keeps a worker on its GPU whatever else waits, until it is unpinned", async () => {
    const red = await host.client.call("POST /workers/start", { runtime: "red" });
    await untilWorker(red.id, "ready");
    const pinned = await host.client.call("POST /workers/:worker/pin", { worker: red.name, pinned: true });
    expect(pinned.pinned).toBe(true);
    const job = await host.client.call("POST /jobs", { runtime: "blue", params: { text: "x" } });
    const why = await host.client.call("GET /jobs/:job/why", { job: job.id });
    expect(why.job.state).toBe("queued");
    expect((await worker(red.id)).state).toBe("ready");
    await host.client.call("POST /workers/:worker/pin", { worker: red.name, pinned: false });
    await host.until(job.id, "succeeded");
    await stopAll();
  });
});

describe("shared GPUs", () => {
  test("hold several workers side by side, as much as fits", async () => {
    addEchoRuntime(host, "half", { vram: "12GiB", mode: "shared" });
    const first = await host.client.call("POST /workers/start", { runtime: "small" });
    const second = await host.client.call("POST /workers/start", { runtime: "half" });
    await untilWorker(first.id, "ready");
    await untilWorker(second.id, "ready");
    const { gpus } = await host.client.call("GET /gpus", {});
    expect(gpus[0]?.memory.reservedBytes).toBe(16 * 2 ** 30);
    expect(gpus[0]?.leases.map(({ mode }) => mode)).toEqual(["shared", "shared"]);
    await stopAll();
  });
});
