import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";
import { until } from "../kit/until.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ gpus: "virtual:2x24GiB" });
  addEchoRuntime(host, "left", { keepAlive: "10m" });
});
afterAll(() => host[Symbol.asyncDispose]());

const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();

describe("the residency of the GPUs", () => {
  it("tells who held each of them, as what, and from when it was ready", async () => {
    const startMs = Date.now();
    const { id } = await host.client.call("POST /jobs", {
      runtime: "left",
      params: { text: "hello", voice: "low" },
      options: {},
    });
    await host.until(id, "succeeded");
    const command = await host.sh("true", { gpus: 1 });
    await host.until(command.id, "succeeded");
    const {
      gpus,
      since,
      until: end,
    } = await until("the lease of the command is over", async () => {
      const seen = await host.client.call("GET /residency", {});
      const all = seen.gpus.flatMap(({ leases }) => leases);
      return all.some(({ runtime, to }) => runtime === "run" && to !== null) ? seen : null;
    });
    expect(Date.parse(end) - Date.parse(since)).toBe(2 * 3_600_000);
    expect(gpus.map(({ index, isComplete }) => [index, isComplete])).toEqual([
      [0, true],
      [1, true],
    ]);
    const leases = gpus.flatMap((gpu) => gpu.leases);
    const worker = leases.find(({ runtime }) => runtime === "left");
    const once = leases.find(({ runtime }) => runtime === "run");
    expect(worker).toMatchObject({ lane: expect.stringContaining("voice=low"), mode: "exclusive", to: null });
    expect(worker?.phases.map(({ phase }) => phase)).toEqual(["start", "ready"]);
    const [started, ready] = worker?.phases ?? [];
    expect(started).toMatchObject({ from: worker?.from, to: ready?.from });
    expect(Date.parse(started?.from ?? "")).toBeGreaterThanOrEqual(startMs - 1);
    expect(Date.parse(ready?.from ?? "")).toBeGreaterThan(Date.parse(started?.from ?? ""));
    expect(once).toMatchObject({ worker: expect.stringMatching(/^run-/), lane: "a command on 1 GPU" });
    expect(once?.phases).toEqual([{ phase: "run", from: once?.from, to: once?.to }]);
  });

  it("is that of a time, of a GPU, and of no more leases than asked for", async () => {
    for (let count = 0; count < 3; count++) {
      const { id } = await host.sh("true", { gpus: 1 });
      await host.until(id, "succeeded");
    }
    const ask = (input: object) => host.client.call("GET /residency", input);
    const { gpus } = await ask({ since: minutesAgo(20), until: minutesAgo(10) });
    expect(gpus.flatMap(({ leases }) => leases)).toEqual([]);
    const held = (await ask({})).gpus.find(({ leases }) => leases.length > 2);
    const few = await ask({ gpu: String(held?.index), limit: 2 });
    expect(few.gpus).toHaveLength(1);
    expect(few.gpus[0]).toMatchObject({ index: held?.index, isComplete: false });
    expect(few.gpus[0]?.leases).toEqual(held?.leases.slice(-2));
    await refusal("gpu/unknown", ask({ gpu: "9" }));
    await refusal("usage/invalid", ask({ since: minutesAgo(1), until: minutesAgo(2) }));
    await refusal("request/malformed", ask({ limit: 2_001 }));
  });
});
