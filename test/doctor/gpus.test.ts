import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useOrch } from "../e2e/session.ts";
import { buildFakeNvml, type FakeNvml, whyNoFakeNvml } from "../kit/fake-nvml.ts";
import { diagnose } from "./host-kit.ts";

const home = useOrch();
const GIB = 2 ** 30;
const why = await whyNoFakeNvml();
const healthy = { uuid: "GPU-aaaa", name: "NVIDIA A", totalBytes: 80 * GIB, usedBytes: 0 };
const lost = { uuid: "GPU-bbbb", name: "NVIDIA B", totalBytes: 80 * GIB, usedBytes: 0, error: 15 };
const NO_SMI = { "nvidia-smi": "#!/bin/sh\nexit 127\n" };

describe.skipIf(why !== null)(`the doctor on a driver${why === null ? "" : ` (${why})`}`, () => {
  let fake: FakeNvml;
  beforeAll(async () => {
    fake = await buildFakeNvml();
  });
  afterAll(() => fake.remove());
  const env = () => ({
    ORCH_GPUS: "auto",
    ORCH_NVML_LIBRARY: fake.libraryPath,
    ORCH_FAKE_NVML: fake.env["ORCH_FAKE_NVML"] ?? "",
  });

  it("names the GPUs through NVML, and the one that is lost", async () => {
    await using orch = home();
    await fake.play({ gpus: [healthy] });
    const good = await diagnose(orch, "gpus", NO_SMI, env());
    expect(good.code).toBe(0);
    expect(good.all.find(({ check }) => check === "gpus")).toMatchObject({
      level: "ok",
      what: expect.stringMatching(/^1 GPU through nvml.*; 0: NVIDIA A$/),
    });
    await fake.play({ gpus: [healthy, lost] });
    const sick = await diagnose(orch, "gpus", NO_SMI, env());
    expect([sick.code, sick.of("gpus")]).toEqual([
      1,
      expect.objectContaining({ what: "GPU 1 cannot be used", why: expect.stringMatching(/lost/i) }),
    ]);
  });

  it("says so when the driver refuses or hangs, in time", async () => {
    await using orch = home();
    await fake.play({ gpus: [healthy], initError: 18 });
    const refused = await diagnose(orch, "gpus", NO_SMI, env());
    expect([refused.code, refused.of("gpus")?.level]).toEqual([1, "bad"]);
    await fake.play({ gpus: [healthy], hang: "nvmlDeviceGetCount_v2" });
    const startMs = performance.now();
    const hung = await diagnose(orch, "gpus", NO_SMI, env());
    expect(performance.now() - startMs).toBeLessThan(14_000);
    expect([hung.code, hung.of("gpus")?.level]).toEqual([1, "bad"]);
  });
});

it("a board of NVIDIA without its driver is told from a host without boards", async () => {
  await using orch = home();
  orch.write("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
  orch.write("sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n");
  const env = { ORCH_GPUS: "auto", ORCH_SYSFS: join(orch.dir, "sys"), ORCH_NVML_LIBRARY: "/nonexistent.so" };
  const { code, of } = await diagnose(orch, "gpus", NO_SMI, env);
  expect(code).toBe(1);
  expect(of("driver")).toMatchObject({ level: "bad", why: "nouveau, or nothing, drives it" });
  expect(of("gpus")).toMatchObject({ level: "bad", fix: "see the line of the driver" });
  const none = await diagnose(orch, "gpus", NO_SMI, { ...env, ORCH_SYSFS: "/nonexistent" });
  expect([none.code, none.of("driver"), none.of("gpus")?.level]).toEqual([0, undefined, "warn"]);
});
