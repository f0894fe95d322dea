import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createNvmlProbe, type NvmlProbe } from "../../src/gpu/nvml/nvml.ts";
import { type BundledHelper, bundleNvmlHelper } from "../kit/bundle-nvml-helper.ts";
import { buildFakeNvml, type FakeGpu, type FakeNvml, whyNoFakeNvml } from "../kit/fake-nvml.ts";

const gib = 2 ** 30;
const why = await whyNoFakeNvml();
const deadlineMs = 5000;

const plain: FakeGpu = { uuid: "GPU-bbbb", totalBytes: 141 * gib, usedBytes: gib };
const first = { number: 0, uuid: "MIG-1111", totalBytes: 18 * gib, usedBytes: 2 * gib };
const second = { number: 4, uuid: "MIG-2222", totalBytes: 36 * gib, usedBytes: 0 };
const pci = { domain: 0, bus: 0x34, device: 0 };
const cut: FakeGpu = { uuid: "GPU-aaaa", totalBytes: 141 * gib, usedBytes: 3 * gib, pci };

describe.skipIf(why !== null)(`boards in MIG mode${why ? ` (skipped: ${why})` : ""}`, () => {
  let fake: FakeNvml;
  let helper: BundledHelper;
  const open: NvmlProbe[] = [];

  beforeAll(async () => {
    [fake, helper] = await Promise.all([buildFakeNvml(), bundleNvmlHelper()]);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((probe) => probe.close()));
  });
  afterAll(async () => {
    await Promise.all([fake.remove(), helper.remove()]);
  });

  function createProbe(env = fake.env): NvmlProbe {
    const probe = createNvmlProbe({ helperPath: helper.path, env });
    open.push(probe);
    return probe;
  }

  test("its instances stand in its place, with memory of their own and the heat of the board", async () => {
    await fake.play({ gpus: [{ ...cut, instances: [first, second] }, plain] });
    const gpus = await createProbe().read(deadlineMs);
    expect(gpus.map(({ uuid, index, parent, instance }) => [uuid, index, parent, instance])).toEqual([
      ["MIG-1111", 100, "GPU-aaaa", "0.7"],
      ["MIG-2222", 104, "GPU-aaaa", "0.11"],
      ["GPU-bbbb", 1, undefined, undefined],
    ]);
    expect(gpus[0]).toMatchObject({
      name: "NVIDIA H200 MIG 1g.18gb",
      vendor: "nvidia",
      memory: { totalBytes: 18 * gib, usedBytes: 2 * gib },
      utilizationPercent: null,
      temperatureCelsius: 41,
      powerWatts: 76.543,
      health: { ok: true },
      nvlinkPeers: [],
    });
  });

  test("the programs of each instance are its own", async () => {
    const processes = [{ pid: process.pid, vramBytes: 2 * gib }];
    await fake.play({ gpus: [{ ...cut, instances: [{ ...first, processes }, second] }, plain] });
    const lists = await createProbe().processes(deadlineMs);
    expect([...lists.keys()]).toEqual(["MIG-1111", "MIG-2222", "GPU-bbbb"]);
    expect(lists.get("MIG-1111")).toEqual([
      expect.objectContaining({ pid: process.pid, vramBytes: 2 * gib }),
    ]);
    expect(lists.get("MIG-2222")).toEqual([]);
  });

  test("the mode goes on and off while the helper runs; a board without instances cannot be used", async () => {
    const probe = createProbe();
    const uuids = async (): Promise<string[]> => (await probe.read(deadlineMs)).map(({ uuid }) => uuid);
    await fake.play({ gpus: [cut] });
    expect(await uuids()).toEqual(["GPU-aaaa"]);
    await fake.play({ gpus: [{ ...cut, instances: [] }] });
    expect(await probe.read(deadlineMs)).toEqual([
      expect.objectContaining({
        uuid: "GPU-aaaa",
        health: { ok: false, detail: "it is in MIG mode and has no instances" },
      }),
    ]);
    await fake.play({ gpus: [{ ...cut, instances: [second] }] });
    expect(await uuids()).toEqual(["MIG-2222"]);
    await fake.play({ gpus: [cut] });
    expect(await uuids()).toEqual(["GPU-aaaa"]);
  });

  test("a grave error of the board takes its instances out of use", async () => {
    await fake.play({ gpus: [{ ...cut, instances: [first, second] }, plain] });
    const probe = createProbe();
    await probe.read(deadlineMs);
    await fake.play({ gpus: [{ ...cut, instances: [first, second], xids: [79] }, plain] });
    const gpus = await probe.read(deadlineMs);
    expect(gpus.map(({ health }) => health.ok)).toEqual([false, false, true]);
  });
});
