import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildFakeNvml, type FakeNvml, whyNoFakeNvml } from "../kit/fake-nvml.ts";
import { startHost } from "../kit/host.ts";

const GIB = 2 ** 30;
const NVML_ERROR_DRIVER_NOT_LOADED = 9;
const why = await whyNoFakeNvml();

describe.skipIf(why !== null)(`a driver that does not start${why === null ? "" : ` (${why})`}`, () => {
  let fake: FakeNvml;
  beforeAll(async () => {
    fake = await buildFakeNvml();
  });
  afterAll(() => fake.remove());

  it("grants no GPU and says why; jobs without GPUs run; it heals by itself [fault 36]", async () => {
    await fake.play({ initError: NVML_ERROR_DRIVER_NOT_LOADED });
    const env = { ORCH_NVML_LIBRARY: fake.libraryPath, ORCH_FAKE_NVML: fake.env["ORCH_FAKE_NVML"] ?? "" };
    await using host = await startHost({ gpus: "nvml", env });
    const plain = await host.sh("exit 4");
    expect((await host.until(plain.id, "failed")).exitCode).toBe(4);
    await expect(host.sh("true", { gpus: 1 })).rejects.toMatchObject({
      code: expect.stringMatching(/^gpu\//),
    });
    await fake.play({ gpus: [{ uuid: "GPU-aaaa", totalBytes: 80 * GIB, usedBytes: 0 }] });
    const job = await expect
      .poll(() => host.sh("true", { gpus: 1 }).catch(() => null), { timeout: 30_000 })
      .not.toBeNull()
      .then(() => host.sh("true", { gpus: 1 }));
    await host.until(job.id, "succeeded");
  });

  it("whose library is missing is named; jobs without GPUs run [fault 36]", async () => {
    await using host = await startHost({
      gpus: "nvml",
      env: { ORCH_NVML_LIBRARY: "/nowhere/libnvidia-ml.so.1" },
    });
    await host.until((await host.sh("true")).id, "succeeded");
    const failure = await host.sh("true", { gpus: 1 }).then(
      () => null,
      (error: Error) => error,
    );
    expect(failure?.message).toContain("GPU");
  });
});
