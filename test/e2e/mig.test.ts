import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildFakeNvml, type FakeGpu, type FakeNvml, whyNoFakeNvml } from "../kit/fake-nvml.ts";
import { type Host, startHost } from "../kit/host.ts";
import { until } from "../kit/until.ts";

// The whole daemon on boards that are cut into instances: the driver's library is a stand-in, all in front of it is real.

const GIB = 2 ** 30;
const why = await whyNoFakeNvml();
const board: FakeGpu = { uuid: "GPU-aaaa", totalBytes: 80 * GIB, usedBytes: 0 };
const instances = [
  { number: 0, uuid: "MIG-1111", totalBytes: 20 * GIB, usedBytes: 0 },
  { number: 1, uuid: "MIG-2222", totalBytes: 20 * GIB, usedBytes: 0 },
];

describe.skipIf(why !== null)(`a daemon on MIG instances${why === null ? "" : ` (${why})`}`, () => {
  let fake: FakeNvml;
  beforeAll(async () => {
    fake = await buildFakeNvml();
  });
  afterAll(() => fake.remove());

  const start = (): Promise<Host> =>
    startHost({
      gpus: "nvml",
      env: { ORCH_NVML_LIBRARY: fake.libraryPath, ORCH_FAKE_NVML: fake.env["ORCH_FAKE_NVML"] ?? "" },
    });
  const seen = async (host: Host): Promise<string[]> => {
    const { gpus } = await host.client.call("GET /gpus", { processes: true });
    return gpus.map(({ uuid, parent }) => `${uuid} of ${parent}`);
  };

  it("gives each job one of them, and refuses a job on two", async () => {
    await fake.play({ gpus: [{ ...board, instances }] });
    await using host = await start();
    expect(await seen(host)).toEqual(["MIG-1111 of GPU-aaaa", "MIG-2222 of GPU-aaaa"]);
    const show = 'echo "$CUDA_VISIBLE_DEVICES"; exec sleep 60';
    const jobs = [await host.sh(show, { gpus: 1 }), await host.sh(show, { gpus: 1 })];
    const words = jobs.map(async ({ id }) => {
      await host.until(id, "running");
      return until("it has said which", async () => {
        const { stdout } = await host.cli("logs", String(id));
        return stdout.includes("MIG-") ? stdout.trim() : null;
      });
    });
    expect((await Promise.all(words)).sort()).toEqual(["MIG-1111", "MIG-2222"]);
    await expect(host.sh("true", { gpus: 2 })).rejects.toMatchObject({
      code: "gpu/too-many",
      message: expect.stringContaining("a program uses one MIG instance at most"),
    });
    await expect(host.sh("true", { gpus: 1, vramBytes: 30 * GIB })).rejects.toMatchObject({
      code: "gpu/too-large",
    });
  });

  it("follows when the mode is switched", async () => {
    await fake.play({ gpus: [board] });
    await using host = await start();
    expect(await seen(host)).toEqual(["GPU-aaaa of null"]);
    await fake.play({ gpus: [{ ...board, instances }] });
    expect(await seen(host)).toEqual(["MIG-1111 of GPU-aaaa", "MIG-2222 of GPU-aaaa"]);
    const job = await host.sh('echo "$CUDA_VISIBLE_DEVICES"', { gpus: 1 });
    await host.until(job.id, "succeeded");
    await fake.play({ gpus: [board] });
    expect(await seen(host)).toEqual(["GPU-aaaa of null"]);
    const large = await host.sh('echo "$CUDA_VISIBLE_DEVICES"', { gpus: 1, vramBytes: 60 * GIB });
    await host.until(large.id, "succeeded");
    expect((await host.cli("logs", String(large.id))).stdout.trim()).toBe("GPU-aaaa");
  });
});
