import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createAmdProbe, hasAmdGpu } from "../../../src/gpu/amd/amd.ts";
import { createProbe, type Detection } from "../../../src/gpu/detect.ts";
import type { GpuProbe } from "../../../src/gpu/probe.ts";
import { type BundledHelper, bundleNvmlHelper } from "../../kit/bundle-nvml-helper.ts";
import { createFakeSysfs, type FakeAmdGpu, type FakeSysfs } from "../../kit/fake-sysfs.ts";

const gib = 2 ** 30;
const deadlineMs = 10_000;
const board: FakeAmdGpu = {
  pci: { bus: 0x03 },
  totalBytes: 192 * gib,
  usedBytes: 2 * gib,
  uniqueId: 0x2c7c4ed9d6f0a1en,
};
const other: FakeAmdGpu = { pci: { bus: 0x83 }, totalBytes: 192 * gib, usedBytes: 0, uniqueId: 77n };

let sysfs: FakeSysfs;
let helper: BundledHelper;
let nvmlHelper: BundledHelper;
let smiDir = "";
const open: Pick<GpuProbe, "close">[] = [];

beforeAll(async () => {
  [helper, nvmlHelper] = await Promise.all([bundleNvmlHelper("amd-helper"), bundleNvmlHelper()]);
  smiDir = await mkdtemp(join(tmpdir(), "orch-amd-smi-"));
});
beforeEach(() => {
  sysfs = createFakeSysfs();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((probe) => probe.close()));
  sysfs.remove();
});
afterAll(async () => {
  await Promise.all([helper.remove(), nvmlHelper.remove(), rm(smiDir, { recursive: true, force: true })]);
});

function createAmd(): GpuProbe {
  const probe = createAmdProbe({ helperPath: helper.path, sysfs: sysfs.root });
  open.push(probe);
  return probe;
}

async function detect(option: string, smiLine: string | null): Promise<Detection> {
  const nvidiaSmi = join(smiDir, smiLine === null ? "absent" : "nvidia-smi");
  if (smiLine !== null) {
    await writeFile(nvidiaSmi, `#!/bin/sh\n${smiLine}\n`);
    await chmod(nvidiaSmi, 0o755);
  }
  const detection = await createProbe(option, {
    sysfs: sysfs.root,
    amdHelperPath: helper.path,
    nvidiaSmi,
    libraryPath: join(smiDir, "no-libnvidia-ml"),
    helperPath: nvmlHelper.path,
  });
  open.push(detection.probe);
  return detection;
}

describe("AMD GPUs through sysfs", () => {
  test("shows identity, memory, sensors and links, and passes graphics in a processor over", async () => {
    const graphics = { pci: { bus: 0x0e }, totalBytes: gib / 2, usedBytes: 0, uniqueId: 0n };
    sysfs.play([{ ...board, links: [2] }, graphics, { ...other, links: [0] }]);
    expect(await createAmd().read(deadlineMs)).toEqual([
      {
        uuid: "GPU-02c7c4ed9d6f0a1e",
        visibleAs: "GPU-02c7c4ed9d6f0a1e",
        vendor: "amd",
        index: 0,
        name: "AMD Instinct MI300X",
        node: "/dev/dri/renderD128",
        memory: { totalBytes: 192 * gib, usedBytes: 2 * gib, freeBytes: 190 * gib },
        utilizationPercent: 42,
        temperatureCelsius: 47,
        powerWatts: 151,
        health: { ok: true },
        numaNode: 1,
        nvlinkPeers: ["GPU-000000000000004d"],
      },
      expect.objectContaining({
        uuid: "GPU-000000000000004d",
        index: 2,
        nvlinkPeers: ["GPU-02c7c4ed9d6f0a1e"],
      }),
    ]);
  });

  test("a board without a unique id is known by its place on the bus, and shown to programs by its index", async () => {
    const twin = { ...other, uniqueId: 0n };
    sysfs.play([board, { ...twin, pci: { bus: 0x84 } }, { ...twin, pci: { bus: 0x85, device: 3 } }]);
    const gpus = await createAmd().read(deadlineMs);
    expect(gpus.map(({ uuid, visibleAs }) => [uuid, visibleAs])).toEqual([
      ["GPU-02c7c4ed9d6f0a1e", "GPU-02c7c4ed9d6f0a1e"],
      ["GPU-amd-0000:84:00.0", "1"],
      ["GPU-amd-0000:85:03.0", "2"],
    ]);
  });

  test("what is missing is null, what is garbage makes the GPU alone unhealthy, and nothing is made up", async () => {
    const bare = { product_name: null, gpu_busy_percent: null, "hwmon/hwmon3/temp1_input": "hot" };
    const files = { ...bare, "hwmon/hwmon3/power1_average": null, numa_node: "-1" };
    sysfs.play([
      { ...board, files },
      { ...other, files: { mem_info_vram_used: "12 GB" } },
      { ...other, uniqueId: 78n, pci: { bus: 0x84 }, files: { mem_info_vram_total: null } },
      { ...other, pci: { bus: 0x85 }, usedBytes: 193 * gib, uniqueId: 79n },
      { ...other, pci: { bus: 0x86 }, listed: false },
    ]);
    const [first, ...sick] = await createAmd().read(deadlineMs);
    expect(first).toMatchObject({
      name: "AMD GPU 74a1",
      utilizationPercent: null,
      temperatureCelsius: null,
      powerWatts: null,
      numaNode: null,
      health: { ok: true },
    });
    expect(sick.map(({ health }) => (health.ok ? "well" : health.detail))).toEqual([
      'mem_info_vram_used says "12 GB"',
      "mem_info_vram_total cannot be read (ENOENT)",
      `it says that ${193 * gib} of ${192 * gib} bytes are in use`,
      "amdkfd does not list it, so ROCm cannot use it",
    ]);
    for (const { memory } of sick) expect(memory).toMatchObject({ usedBytes: 0, freeBytes: 0 });
  });

  test("a board that falls silent has as much memory as ever, and none of it free", async () => {
    sysfs.play([board]);
    const probe = createAmd();
    await probe.read(deadlineMs);
    sysfs.write("class/drm/card0/device/mem_info_vram_used", "");
    expect(await probe.read(deadlineMs)).toMatchObject([
      { health: { ok: false }, memory: { totalBytes: 192 * gib, usedBytes: 0, freeBytes: 0 } },
    ]);
  });

  test("lists programs that hold memory, with their owners", async () => {
    sysfs.play([{ ...board, held: { [process.pid]: 5 * gib, 4194304: 0 } }, other]);
    const lists = await createAmd().processes(deadlineMs);
    expect(lists.get("GPU-000000000000004d")).toEqual([]);
    expect(lists.get("GPU-02c7c4ed9d6f0a1e")).toEqual([
      expect.objectContaining({
        pid: process.pid,
        vramBytes: 5 * gib,
        uid: process.getuid?.(),
        unknown: null,
      }),
    ]);
  });

  test("a file that hangs its reader costs a refusal in time, and the driver's return is seen", async () => {
    sysfs.play([board]);
    const probe = createAmd();
    await probe.read(deadlineMs);
    sysfs.hang("class/drm/card0/device/mem_info_vram_used");
    await expect(probe.read(400)).rejects.toMatchObject({
      code: "gpu/unavailable",
      message: "the AMD driver gave no answer within 400 ms",
    });
    // Files of the daemon are read as ever: no thread of its own waits for the driver.
    expect(hasAmdGpu(sysfs.root)).toBe(true);
    sysfs.play([board]);
    expect(await probe.read(deadlineMs)).toHaveLength(1);
  });
});

describe("detection", () => {
  const nvidiaLine =
    'case "$1" in *query-gpu*) echo "0, GPU-bbbb, 100, 0, 100, 0, 27, 76.34, 00000000:34:00.0, NVIDIA H200";; esac';

  test("auto finds AMD alone, and by name", async () => {
    sysfs.play([board]);
    expect(await detect("auto", null)).toMatchObject({
      probe: { kind: "amd" },
      detail: "1 GPU through amd",
    });
    expect(await detect("amd", null)).toMatchObject({ probe: { kind: "amd" } });
  });

  test("auto joins both vendors, with indices and UUIDs of their own", async () => {
    sysfs.play([board, other]);
    const { probe, detail } = await detect("auto", nvidiaLine);
    expect(detail).toContain("2 GPUs through amd");
    const gpus = await probe.read(deadlineMs);
    expect(gpus.map(({ uuid, index, vendor }) => [uuid, index, vendor])).toEqual([
      ["GPU-bbbb", 0, "nvidia"],
      ["GPU-02c7c4ed9d6f0a1e", 1, "amd"],
      ["GPU-000000000000004d", 2, "amd"],
    ]);
    const lists = await probe.processes(deadlineMs);
    expect([...lists.keys()]).toEqual(["GPU-bbbb", "GPU-02c7c4ed9d6f0a1e", "GPU-000000000000004d"]);
  });

  test("trouble of one driver leaves the other's GPUs alone, and is told of the third time", async () => {
    sysfs.play([board]);
    const { probe } = await detect("auto", nvidiaLine);
    await probe.read(deadlineMs);
    await writeFile(join(smiDir, "nvidia-smi"), "#!/bin/sh\necho gone >&2\nexit 9\n");
    for (const isWell of [true, true, false]) {
      const [nvidia, amd] = await probe.read(deadlineMs);
      expect(nvidia?.health.ok).toBe(isWell);
      expect(nvidia?.memory.freeBytes).toBe(0);
      expect(amd).toMatchObject({ health: { ok: true }, memory: { freeBytes: 190 * gib } });
    }
  });

  test("graphics inside the processor make no AMD host", async () => {
    sysfs.play([{ ...board, totalBytes: gib / 2, usedBytes: 0 }]);
    expect((await detect("auto", nvidiaLine)).probe.kind).toBe("nvidia-smi");
  });
});
