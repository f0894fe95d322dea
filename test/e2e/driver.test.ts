import { type ChildProcess, spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildFakeNvml, type FakeGpu, type FakeNvml, whyNoFakeNvml } from "../kit/fake-nvml.ts";
import { type Host, startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

// The whole daemon on what the driver says: the library is a fake, all in front of it is real.

const GIB = 2 ** 30;
const NVML_ERROR_GPU_IS_LOST = 15;
const why = await whyNoFakeNvml();
const first: FakeGpu = { uuid: "GPU-aaaa", totalBytes: 80 * GIB, usedBytes: 0 };
const second: FakeGpu = { uuid: "GPU-bbbb", totalBytes: 80 * GIB, usedBytes: 0 };

describe.skipIf(why !== null)(`a daemon on a driver${why === null ? "" : ` (${why})`}`, () => {
  let fake: FakeNvml;
  let stranger: ChildProcess;
  beforeAll(async () => {
    fake = await buildFakeNvml();
    stranger = spawn("sleep", ["600"]);
  });
  afterAll(async () => {
    stranger.kill();
    await fake.remove();
  });

  const start = (): Promise<Host> =>
    startHost({
      gpus: "nvml",
      env: { ORCH_NVML_LIBRARY: fake.libraryPath, ORCH_FAKE_NVML: fake.env["ORCH_FAKE_NVML"] ?? "" },
    });
  const reasonOf = async (host: Host, job: number) =>
    (await host.client.call("GET /jobs/:job/why", { job })).reason;

  it("gives a program its GPU by UUID, whatever the index [fault 38]", async () => {
    await fake.play({ gpus: [second, first] });
    await using host = await start();
    const { gpus } = await host.client.call("GET /gpus", {});
    expect(gpus.map((gpu) => [gpu.index, gpu.uuid])).toEqual([
      [0, "GPU-bbbb"],
      [1, "GPU-aaaa"],
    ]);
    const job = await host.sh('echo "$CUDA_DEVICE_ORDER $CUDA_VISIBLE_DEVICES"', { gpus: 2 });
    await host.until(job.id, "succeeded");
    const { stdout } = await host.cli("logs", String(job.id));
    expect(stdout.trim()).toMatch(/^PCI_BUS_ID GPU-(aaaa,GPU-bbbb|bbbb,GPU-aaaa)$/);
  });

  it("grants nothing while a stranger holds the memory, names it, and goes on when it leaves [fault 33]", async () => {
    const held = { pid: stranger.pid ?? 0, vramBytes: 70 * GIB };
    await fake.play({ gpus: [{ ...first, usedBytes: 70 * GIB, processes: [held] }] });
    await using host = await start();
    const job = await host.sh("echo ran", { gpus: 1, vramBytes: 20 * GIB });
    expect(await reasonOf(host, job.id)).toMatchObject({ code: "gpu-foreign" });
    const { gpus } = await host.client.call("GET /gpus", { processes: true });
    expect(gpus[0]?.processes).toMatchObject([{ pid: stranger.pid, name: "sleep", worker: null }]);
    await fake.play({ gpus: [first] });
    await host.until(job.id, "succeeded");
  });

  it("waits for memory that the driver gives back late before it starts the program [fault 32]", async () => {
    const freeAtMs = Date.now() + 2_500;
    // Nobody owns it any more, but it is not free yet: as after the exit of a large program.
    const late = { ...first, usedBytes: 70 * GIB, processes: [], release: { atMs: freeAtMs, usedBytes: 0 } };
    await fake.play({ gpus: [late] });
    await using host = await start();
    const job = await host.sh("date +%s%3N", { gpus: 1, vramBytes: 20 * GIB });
    await host.until(job.id, "succeeded");
    const { stdout } = await host.cli("logs", String(job.id));
    expect(Number(stdout)).toBeGreaterThanOrEqual(freeAtMs);
  });

  it("goes on with the other GPUs when one is lost", async () => {
    await fake.play({ gpus: [first, second] });
    await using host = await start();
    await fake.play({ gpus: [{ ...first, error: NVML_ERROR_GPU_IS_LOST }, second] });
    await until("the loss is seen", async () => {
      const { gpus } = await host.client.call("GET /gpus", {});
      return gpus.some((gpu) => !gpu.healthy);
    });
    const jobs = [await host.sh("true", { gpus: 1 }), await host.sh("true", { gpus: 1 })];
    for (const { id } of jobs) expect((await host.until(id, "succeeded")).gpus).toEqual(["GPU-bbbb"]);
  });

  it("[fault 35] keeps a GPU that was lost out of use, also after a restart, until somebody clears it", async () => {
    const lost = { ...first, error: NVML_ERROR_GPU_IS_LOST };
    await fake.play({ gpus: [first, second] });
    await using host = await start();
    await fake.play({ gpus: [lost, second] });
    const quarantined = async () => {
      const { gpus } = await host.client.call("GET /gpus", {});
      return gpus.find(({ uuid }) => uuid === first.uuid)?.quarantine;
    };
    expect(await until("it is taken out of use", quarantined)).toMatchObject({ code: "lost" });
    expect((await host.cli("gpus")).stdout).toMatch("quarantine (lost)");
    const refused = await host.cli("gpus", "clear", "0");
    expect(refused).toMatchObject({ code: 6 });
    expect(refused.stderr).toMatch(/GPU 0 is still not in order\n {2}why: .*NVML error 15/);
    await fake.play({ gpus: [first, second] });
    await host.kill();
    await host.start();
    expect(await until("it is still out of use", quarantined)).toMatchObject({ code: "lost" });
    const both = await host.sh("true", { gpus: 2 });
    expect(await reasonOf(host, both.id)).toMatchObject({ code: "gpu-unavailable" });
    expect(await host.cli("gpus", "clear", "0")).toMatchObject({
      code: 0,
      stdout: "GPU 0 is in use again\n",
    });
    await host.until(both.id, "succeeded");
    expect((await host.cli("gpus", "clear", "0")).stderr).toMatch("GPU 0 is not in quarantine");
    expect((await host.cli("gpus", "clear", "7")).stderr).toMatch('there is no GPU "7"');
  });

  it("takes a GPU out of use of which the driver reports an Xid that no program causes", async () => {
    await fake.play({ gpus: [first, second] });
    await using host = await start();
    const codes = async () => {
      const { gpus } = await host.client.call("GET /gpus", { processes: true });
      return gpus.map(({ quarantine }) => quarantine?.text ?? null);
    };
    await codes();
    await fake.play({ gpus: [{ ...first, xids: [31] }, second] });
    expect(await codes()).toEqual([null, null]);
    await fake.play({
      gpus: [
        { ...first, xids: [31] },
        { ...second, xids: [79] },
      ],
    });
    await until("it is out of use", async () => (await codes())[1]);
    expect(await codes()).toEqual([null, "the driver reported Xid 79"]);
    expect(await host.cli("gpus", "clear", "1")).toMatchObject({ code: 0 });
  });

  it("answers and runs jobs without GPUs while the driver hangs [fault 37]", async () => {
    await fake.play({ gpus: [first] });
    await using host = await start();
    await fake.play({ gpus: [first], hang: "nvmlDeviceGetCount_v2" });
    await until(
      "the GPU counts as unusable",
      async () => {
        const { gpus } = await host.client.call("GET /gpus", {});
        return gpus[0]?.healthy === false;
      },
      30_000,
    );
    const job = await host.sh("true");
    await host.until(job.id, "succeeded");
    const waiting = await host.sh("true", { gpus: 1 });
    expect(await reasonOf(host, waiting.id)).toMatchObject({ code: "gpu-unavailable" });
    await fake.play({ gpus: [first] });
    await host.until(waiting.id, "succeeded");
  });
});
