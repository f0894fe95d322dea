import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createProbe, type Detection, type DetectOptions } from "../../src/gpu/detect.ts";
import { type BundledHelper, bundleNvmlHelper } from "../kit/bundle-nvml-helper.ts";
import { buildFakeNvml, type FakeNvml, whyNoFakeNvml } from "../kit/fake-nvml.ts";

const why = await whyNoFakeNvml();

test("virtual and none need no driver", async () => {
  const virtual = await createProbe("virtual:2x24GiB");
  expect(virtual.probe.kind).toBe("virtual");
  expect(await virtual.probe.read(100)).toHaveLength(2);
  const none = await createProbe("none");
  expect(none.probe.kind).toBe("none");
  expect(await none.probe.read(100)).toEqual([]);
});

test("an option that is none is refused", async () => {
  await expect(createProbe("cuda")).rejects.toMatchObject({
    code: "usage/invalid",
    message: '"cuda" is no way to see GPUs',
  });
});

describe.skipIf(why !== null)(`detection with a fake driver${why ? ` (skipped: ${why})` : ""}`, () => {
  const gpus = [{ uuid: "GPU-aaaa", totalBytes: 2 ** 37, usedBytes: 0 }];
  let fake: FakeNvml;
  let helper: BundledHelper;
  let dir = "";
  const found: Detection[] = [];

  beforeAll(async () => {
    [fake, helper] = await Promise.all([buildFakeNvml(), bundleNvmlHelper()]);
    dir = await mkdtemp(join(tmpdir(), "orch-detect-"));
    await writeFile(
      join(dir, "nvidia-smi"),
      '#!/bin/sh\necho "0, GPU-bbbb, 100, 0, 100, 0, 27, 76.34, 00000000:34:00.0, NVIDIA H200"\n',
    );
    await chmod(join(dir, "nvidia-smi"), 0o755);
  });
  afterEach(async () => {
    await Promise.all(found.splice(0).map(({ probe }) => probe.close()));
  });
  afterAll(async () => {
    await Promise.all([fake.remove(), helper.remove(), rm(dir, { recursive: true, force: true })]);
  });

  async function detect(
    option: string,
    smi: "good" | "absent",
    options: DetectOptions = {},
  ): Promise<Detection> {
    const nvidiaSmi = join(dir, smi === "good" ? "nvidia-smi" : "absent");
    const detection = await createProbe(option, {
      helperPath: helper.path,
      env: fake.env,
      nvidiaSmi,
      ...options,
    });
    found.push(detection);
    return detection;
  }

  test("auto takes NVML where it works", async () => {
    await fake.play({ gpus });
    const { probe, detail } = await detect("auto", "good");
    expect([probe.kind, detail]).toEqual(["nvml", "1 GPU through nvml (driver 570.86.15)"]);
  });

  test("auto falls back to nvidia-smi, and says why", async () => {
    const { probe, detail } = await detect("auto", "good", { libraryPath: "/nonexistent/nvml.so" });
    expect(probe.kind).toBe("nvidia-smi");
    expect(detail).toMatch(
      /^1 GPU through nvidia-smi, because NVML cannot be used: .*\/nonexistent\/nvml\.so/,
    );
  });

  test("auto finds none where there is no driver", async () => {
    const { probe, detail } = await detect("auto", "absent", { libraryPath: "/nonexistent/nvml.so" });
    expect(probe.kind).toBe("none");
    expect(detail).toMatch(/^no GPUs: .*\/nonexistent\/nvml\.so.*ENOENT/);
  });

  test("auto stays with a driver that does not answer yet, and sees its GPUs once it does", async () => {
    await fake.play({ initError: 9 });
    const { probe, detail } = await detect("auto", "absent");
    expect(probe.kind).toBe("nvml");
    expect(detail).toMatch(/shows no GPUs yet: .*Driver Not Loaded/);
    await fake.play({ gpus });
    expect(await probe.read(5000)).toHaveLength(1);
  });

  test("a way asked for by name is kept", async () => {
    await fake.play({ initError: 9 });
    expect((await detect("nvml", "good")).probe.kind).toBe("nvml");
    const { probe, detail } = await detect("nvidia-smi", "absent");
    expect(probe.kind).toBe("nvidia-smi");
    expect(detail).toMatch(/shows no GPUs yet: .*ENOENT/);
  });
});
