import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** One AMD GPU of a made-up sysfs. Files given as null are left out. */
export interface FakeAmdGpu {
  readonly pci: { readonly bus: number; readonly device?: number };
  readonly totalBytes: number;
  readonly usedBytes: number;
  /** As amdkfd writes it; 0n = the board has none. */
  readonly uniqueId?: bigint;
  /** False: amdkfd does not list it. */
  readonly listed?: boolean;
  readonly links?: readonly number[];
  readonly files?: Readonly<Record<string, string | null>>;
  /** Bytes by pid. */
  readonly held?: Readonly<Record<number, number>>;
}

/** A tree of files as the kernel's drivers amdgpu and amdkfd show them. */
export interface FakeSysfs {
  readonly root: string;
  /** Replaces the hardware. */
  play(gpus: readonly FakeAmdGpu[]): void;
  write(file: string, text: string): void;
  /** From now on whoever reads that file hangs. */
  hang(file: string): void;
  remove(): void;
}

/** Makes an empty tree in a temporary folder. A GPU's card has the number of its place, its node is one higher. */
export function createFakeSysfs(): FakeSysfs {
  const root = mkdtempSync(join(tmpdir(), "orch-sysfs-"));
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  return {
    root,
    play(gpus) {
      rmSync(join(root, "class"), { recursive: true, force: true });
      // A processor: it has no compute units, and no place among the GPUs.
      write("class/kfd/kfd/topology/nodes/0/gpu_id", "0\n");
      write("class/kfd/kfd/topology/nodes/0/properties", "cpu_cores_count 64\nsimd_count 0\n");
      mkdirSync(join(root, "class/kfd/kfd/proc"), { recursive: true });
      for (const [index, gpu] of gpus.entries()) playGpu(write, index, gpu);
    },
    write,
    hang(file) {
      rmSync(join(root, file), { force: true });
      execFileSync("mkfifo", [join(root, file)]);
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

function playGpu(write: FakeSysfs["write"], index: number, gpu: FakeAmdGpu): void {
  const { pci, uniqueId = BigInt(index + 1), listed = true, links = [], held = {} } = gpu;
  const { bus, device = 0 } = pci;
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  const files: Record<string, string | null> = {
    vendor: "0x1002",
    device: "0x74a1",
    uevent: `DRIVER=amdgpu\nPCI_CLASS=38000\nPCI_SLOT_NAME=0000:${hex(bus)}:${hex(device)}.0`,
    mem_info_vram_total: String(gpu.totalBytes),
    mem_info_vram_used: String(gpu.usedBytes),
    gpu_busy_percent: "42",
    product_name: "AMD Instinct MI300X",
    numa_node: "1",
    "hwmon/hwmon3/temp1_input": "47000",
    "hwmon/hwmon3/power1_average": "151000000",
    ...gpu.files,
  };
  for (const [name, text] of Object.entries(files))
    if (text !== null) write(`class/drm/card${index}/device/${name}`, `${text}\n`);
  // Its outputs lie beside it and are no cards.
  write(`class/drm/card${index}-DP-1/status`, "disconnected\n");
  if (!listed) return;
  const node = `class/kfd/kfd/topology/nodes/${index + 1}`;
  const gpuId = 50_000 + index;
  write(`${node}/gpu_id`, `${gpuId}\n`);
  const properties = {
    cpu_cores_count: 0,
    simd_count: 1216,
    domain: 0,
    location_id: (bus << 8) | (device << 3),
    drm_render_minor: 128 + index,
    unique_id: uniqueId,
  };
  const lines = Object.entries(properties).map(([name, value]) => `${name} ${value}\n`);
  write(`${node}/properties`, lines.join(""));
  for (const [at, peer] of links.entries())
    write(
      `${node}/io_links/${at + 1}/properties`,
      `type 11\nnode_from ${index + 1}\nnode_to ${peer + 1}\nweight 15\n`,
    );
  write(`${node}/io_links/0/properties`, `type 2\nnode_from ${index + 1}\nnode_to 0\nweight 20\n`);
  for (const [pid, bytes] of Object.entries(held))
    write(`class/kfd/kfd/proc/${pid}/vram_${gpuId}`, `${bytes}\n`);
}
