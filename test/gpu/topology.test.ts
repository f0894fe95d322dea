import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createNvmlProbe, type NvmlProbe, type NvmlProbeOptions } from "../../src/gpu/nvml/nvml.ts";
import { type GpuReading, unknownTopology } from "../../src/gpu/probe.ts";
import { readNumaNode, TopologyCache } from "../../src/gpu/topology.ts";
import { type BundledHelper, bundleNvmlHelper } from "../kit/bundle-nvml-helper.ts";
import { buildFakeNvml, type FakeGpu, type FakeNvml, whyNoFakeNvml } from "../kit/fake-nvml.ts";

const gib = 2 ** 30;
const deadlineMs = 5000;
const why = await whyNoFakeNvml();

let sysfs = "";
beforeAll(async () => {
  sysfs = await mkdtemp(join(tmpdir(), "orch-sysfs-"));
  const nodes = { "0000:34:00.0": "1\n", "0000:9b:0a.0": "0\n", "10000:01:00.0": "-1\n" };
  for (const [address, text] of Object.entries(nodes)) {
    const device = join(sysfs, "bus/pci/devices", address);
    await mkdir(device, { recursive: true });
    await writeFile(join(device, "numa_node"), text);
  }
});
afterAll(() => rm(sysfs, { recursive: true, force: true }));

test.each([
  ["0000:34:00.0", 1],
  ["00000000:34:00.0", 1],
  ["00000000:9B:0A.0", 0],
  ["00010000:01:00.0", null],
  ["0000:ff:00.0", null],
  ["[N/A]", null],
  ["../../0000:34:00.0", null],
  [null, null],
])("the NUMA node of %s is %s", async (address, node) => {
  expect(await readNumaNode(address, sysfs)).toBe(node);
});

describe("what is asked", () => {
  const reading = (uuid: string, ok = true): GpuReading => ({
    uuid,
    index: 0,
    name: "NVIDIA H200",
    memory: { totalBytes: 0, usedBytes: 0, freeBytes: 0 },
    utilizationPercent: null,
    temperatureCelsius: null,
    powerWatts: null,
    health: ok ? { ok } : { ok, detail: "lost" },
    ...unknownTopology,
  });

  /** Gives how often was asked after each of these readings, by a driver that tells of `told` alone. */
  async function countAsked(told: readonly string[], ...looks: readonly GpuReading[][]): Promise<number[]> {
    let asked = 0;
    const cache = new TopologyCache(async () => {
      asked += 1;
      if (told.length === 0) throw new Error("the driver refuses");
      return new Map(told.map((uuid) => [uuid, { numaNode: 1, nvlinkPeers: [] }]));
    });
    const counts: number[] = [];
    for (const look of looks) {
      expect((await cache.addTo(look, 1000)).map(({ numaNode }) => numaNode === 1)).toEqual(
        look.map(({ uuid }) => told.includes(uuid)),
      );
      counts.push(asked);
    }
    return counts;
  }
  const [a, b] = [reading("a"), reading("b")];

  test("once, where all is told", async () => {
    expect(await countAsked(["a", "b"], [a, b], [a, b], [a], [a, b], [a, reading("b", false)])).toEqual([
      1, 1, 1, 1, 1,
    ]);
  });

  test("twice for the same GPUs, where the driver refuses or tells of some; again when others come", async () => {
    expect(await countAsked([], [a], [a], [a], [a])).toEqual([1, 2, 2, 2]);
    expect(await countAsked(["a"], [a, b], [a, b], [a, b], [a], [a, b])).toEqual([1, 2, 2, 2, 3]);
    expect(await countAsked([], [a], [a], [a], [b], [b], [b])).toEqual([1, 2, 2, 3, 4, 4]);
  });

  test("nothing of GPUs that are not healthy, nor of none", async () => {
    expect(await countAsked([], [], [reading("a", false)])).toEqual([0, 0]);
  });
});

describe.skipIf(why !== null)(`topology through a fake NVML${why ? ` (skipped: ${why})` : ""}`, () => {
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

  function createProbe(options: NvmlProbeOptions = {}): NvmlProbe {
    const probe = createNvmlProbe({ helperPath: helper.path, env: fake.env, sysfs, ...options });
    open.push(probe);
    return probe;
  }
  const board = (letter: string, more: Partial<FakeGpu> = {}): FakeGpu => ({
    uuid: `GPU-${letter}`,
    totalBytes: 80 * gib,
    usedBytes: 0,
    ...more,
  });
  const a = board("a", { pci: { domain: 0, bus: 0x34, device: 0 }, links: ["GPU-b"] });
  const b = board("b", { pci: { domain: 0, bus: 0x9b, device: 10 } });
  const c = board("c", { pci: { domain: 0x10000, bus: 1, device: 0 } });
  const shape = async (probe: NvmlProbe): Promise<unknown> =>
    (await probe.read(deadlineMs)).map(({ uuid, numaNode, nvlinkPeers }) => [uuid, numaNode, nvlinkPeers]);

  test("links go both ways, PCIe alone is none, and the NUMA node is the kernel's", async () => {
    await fake.play({ gpus: [a, b, c, board("d")] });
    expect(await shape(createProbe())).toEqual([
      ["GPU-a", 1, ["GPU-b"]],
      ["GPU-b", 0, ["GPU-a"]],
      ["GPU-c", null, []],
      ["GPU-d", null, []],
    ]);
  });

  test("it is asked for once: a driver that later hangs there is not asked again", async () => {
    await fake.play({ gpus: [a, b] });
    const probe = createProbe();
    const first = await shape(probe);
    await fake.play({ gpus: [a, b], hang: "nvmlDeviceGetP2PStatus" });
    expect(await shape(probe)).toEqual(first);
    // A lost GPU keeps its links; the others do too.
    await fake.play({ gpus: [{ ...a, error: 15 }, b], hang: "nvmlDeviceGetP2PStatus" });
    expect(await shape(probe)).toEqual(first);
  });

  test("a GPU that comes later is asked for", async () => {
    await fake.play({ gpus: [b] });
    const probe = createProbe();
    expect(await shape(probe)).toEqual([["GPU-b", 0, []]]);
    await fake.play({ gpus: [b, a] });
    expect(await shape(probe)).toEqual([
      ["GPU-b", 0, ["GPU-a"]],
      ["GPU-a", 1, ["GPU-b"]],
    ]);
  });

  test("a driver that hangs there shows its GPUs all the same, and is not asked for ever", async () => {
    await fake.play({ gpus: [a, b], hang: "nvmlDeviceGetP2PStatus" });
    const probe = createProbe();
    for (let reading = 1; reading <= 4; reading++) {
      // The helper that hung is replaced; its successor may be on its way.
      const readings = await expect
        .poll(() => probe.read(600).catch(() => null), { timeout: 10_000 })
        .not.toBeNull()
        .then(() => probe.read(600));
      expect(readings.map(({ nvlinkPeers }) => nvlinkPeers)).toEqual([[], []]);
    }
  });

  test("a driver that lacks the questions leaves the GPUs without", async () => {
    const old = await buildFakeNvml({ old: true });
    try {
      await old.play({ gpus: [a, b] });
      expect(await shape(createProbe({ env: old.env }))).toEqual([
        ["GPU-a", null, []],
        ["GPU-b", null, []],
      ]);
    } finally {
      await old.remove();
    }
  });
});
