import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { WorkerView } from "../../src/protocol/views.ts";
import { buildFakeCuda, type FakeCuda } from "../kit/fake-cuda.ts";
import { whyNoFakeNvml } from "../kit/fake-nvml.ts";
import { type Host, startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

// Workers that the driver freezes. Their programs cannot sleep, and say what they hold of a virtual GPU of 10 GiB; the driver is
// a fake libcuda.so.1 (test/fixtures/cuda) that takes it from them and gives it back.

const HANDLER = `
import os, time
from orch_sdk import serve

class Handler:
    def load(self, params):
        time.sleep(float(os.environ["LOAD_SECONDS"]))
        with open(os.path.join(os.environ["STATES"], str(os.getpid())), "w") as file:
            file.write("0")
        gpu = os.environ["CUDA_VISIBLE_DEVICES"].rsplit("-", 1)[-1]
        path = os.path.join(os.environ["HELD"], f"{gpu}-{os.getpid()}")
        with open(path + ".new", "w") as file:
            file.write(os.environ["HOLD"])
        os.rename(path + ".new", path)

    def run(self, params, ctx):
        return {"pid": os.getpid()}

serve(Handler())
`;

const why = await whyNoFakeNvml();
describe.skipIf(why !== null)(`workers that are frozen${why ? ` (skipped: ${why})` : ""}`, () => {
  let held: string;
  let cuda: FakeCuda;
  let host: Host;
  beforeAll(async () => {
    held = mkdtempSync(join(tmpdir(), "orch-held-"));
    cuda = await buildFakeCuda({ held });
    const gpus = `virtual:1x10GiB,held=${held}`;
    host = await startHost({ gpus, config: "vramReserve: 0\n", env: cuda.env });
    // A worker whose waking takes as long as its start is not put to sleep again.
    for (const name of ["a", "b"]) addModel(name, { loadSeconds: 2 });
    addModel("c");
    addModel("d", { gib: 7 });
    addModel("huge", { sleep: "sleep: { level: freeze, ram: 4000TiB }", gib: 6 });
  });
  afterEach(() => {
    for (const name of ["fail-checkpoint", "fail-restore", "hang-checkpoint"]) cuda.play(name, null);
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    cuda.remove();
    rmSync(held, { recursive: true, force: true });
  });

  function addModel(
    name: string,
    options: { sleep?: string; loadSeconds?: number; gib?: number } = {},
  ): void {
    const { sleep = "sleep: { level: freeze, residue: 0, ram: 0 }", loadSeconds = 0, gib = 8 } = options;
    const folder = cuda.env["ORCH_FAKE_CUDA"];
    host.addRuntime(
      name,
      `name: ${name}
gpu: { count: 1, vram: 8GiB }
keepAlive: 5m
timeouts: { ready: 20s, stop: 2s }
${sleep}
env: { HELD: "${held}", STATES: "${folder}", LOAD_SECONDS: "${loadSeconds}", HOLD: ${gib}GiB }
`,
      { "handler.py": HANDLER },
    );
  }

  async function run(name: string): Promise<number> {
    const { id: job } = await host.client.call("POST /jobs", { runtime: name, params: {} });
    await host.until(job, "succeeded");
    const { output } = await host.client.call("GET /jobs/:job", { job });
    return (output as { pid: number }).pid;
  }

  function untilAsleep(runtime: string): Promise<WorkerView> {
    return until(`${runtime} sleeps`, async () => {
      const { workers } = await host.client.call("GET /workers", {});
      return workers.find((worker) => worker.runtime === runtime && worker.state === "asleep");
    });
  }

  async function notices(type: string): Promise<string[]> {
    const texts: string[] = [];
    for await (const event of host.client.stream("GET /events", { after: 0 }))
      if (event.type === type) texts.push(event.text);
    return texts;
  }

  it("make room and come back as they were, also after the daemon was killed", async () => {
    const first = await run("a");
    const second = await run("b");
    await untilAsleep("a");
    expect([cuda.stateOf(first), cuda.stateOf(second)]).toEqual(["checkpointed", "running"]);
    expect(await run("a")).toBe(first);
    expect([cuda.stateOf(first), cuda.stateOf(second)]).toEqual(["running", "checkpointed"]);
    await host.kill();
    await host.start();
    expect(await run("b")).toBe(second);
    const { lanes } = await host.client.call("GET /runtimes/:runtime", { runtime: "a" });
    expect(lanes[0]?.sleep).toMatchObject({ residueBytes: 0, isMeasured: true, off: null });
    expect(lanes[0]?.sleep?.sleepMs).toBeGreaterThan(0);
    expect(host.log()).toMatch(/"tookMs":\{"lock":\d+,"checkpoint":\d+\}/);
    expect(host.log()).toMatch(/"tookMs":\{"restore":\d+,"unlock":\d+\}/);
  });

  it("are frozen in full by the next daemon when one is killed in the middle", async () => {
    const first = await run("a");
    await run("b");
    await run("a");
    cuda.play("hang-checkpoint", "");
    const { id: job } = await host.client.call("POST /jobs", { runtime: "b", params: {} });
    const hanging = `checkpoint ${first} 0`;
    await until("a checkpoint hangs", () => cuda.calls().at(-1) === hanging);
    await host.kill();
    await host.start();
    await until("two do", () => cuda.calls().at(-1) === hanging && cuda.calls().at(-2) === hanging);
    const returned = cuda.returned(first);
    cuda.play("hang-checkpoint", null);
    await until("both have ended", () => cuda.returned(first) >= returned + 2);
    await host.until(job, "succeeded");
    expect(cuda.stateOf(first)).toBe("checkpointed");
    expect(await run("a")).toBe(first);
  });

  it("are stopped when they cannot be frozen, and started again", async () => {
    const first = await run("c");
    cuda.play("fail-checkpoint", "801");
    await run("d");
    expect(await notices("worker-sleep-failed")).toContainEqual(
      expect.stringContaining("cuCheckpointProcessCheckpoint: CUDA_ERROR_NOT_SUPPORTED"),
    );
    cuda.play("fail-checkpoint", null);
    expect(await run("c")).not.toBe(first);
    const { lanes } = await host.client.call("GET /runtimes/:runtime", { runtime: "c" });
    expect(lanes[0]?.sleep?.off).toContain("cannot sleep");
  });

  it("are started anew when they cannot be thawed: the job does not notice", async () => {
    const first = await run("a");
    await run("b");
    await untilAsleep("a");
    cuda.play("fail-restore", "2");
    const again = await run("a");
    expect(again).not.toBe(first);
    expect(await notices("worker-sleep-failed")).toContainEqual(
      expect.stringContaining("cuCheckpointProcessRestore: CUDA_ERROR_OUT_OF_MEMORY"),
    );
  });

  it("are not frozen where the host has no memory for it", async () => {
    const first = await run("huge");
    await run("d");
    expect(cuda.calls()).not.toContainEqual(expect.stringContaining(`lock ${first} `));
  });
});
