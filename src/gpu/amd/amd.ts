import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type Clock, systemClock } from "../../std/clock.ts";
import { type HelperDriver, NvmlClient } from "../nvml/nvml-client.ts";
import { WireProcesses } from "../nvml/nvml-wire.ts";
import type { GpuProbe, GpuReading } from "../probe.ts";
import { createProcessNamer } from "../process-owner.ts";
import { WireAmdGpu } from "./amd-wire.ts";

export interface AmdProbeOptions {
  /** The built helper program. Default: dist/amd-helper.js of this package. */
  readonly helperPath?: string | undefined;
  /** Where sysfs is mounted. Default: /sys. */
  readonly sysfs?: string | undefined;
  readonly clock?: Clock | undefined;
}

const amdDriver: HelperDriver = {
  name: "the AMD driver",
  way: "sysfs",
  program: "amd-helper",
  hint: "rocm-smi",
};

/**
 * Sees AMD GPUs through sysfs. A helper process does the reading: a file of a sick driver can hang its reader for ever,
 * and would take one of the few threads that the daemon reads files with.
 */
export function createAmdProbe(options: AmdProbeOptions = {}): GpuProbe {
  const { helperPath, sysfs = "/sys", clock = systemClock } = options;
  const client = new NvmlClient({ helperPath, libraryPath: sysfs, clock, driver: amdDriver });
  const nameProcesses = createProcessNamer({ clock });
  const totals = new Map<string, number>();
  return {
    kind: "amd",
    read: async (deadlineMs) => {
      const gpus = z.array(WireAmdGpu).parse(await client.request("read", deadlineMs));
      for (const { uuid, memory } of gpus) if (memory !== null) totals.set(uuid, memory.totalBytes);
      return gpus.map((gpu) => toReading(gpu, totals.get(gpu.uuid) ?? 0));
    },
    processes: async (deadlineMs) => {
      const lists = z.array(WireProcesses).parse(await client.request("processes", deadlineMs));
      const named = lists.map(async ({ uuid, processes }) => [uuid, await nameProcesses(processes)] as const);
      return new Map(await Promise.all(named));
    },
    close: () => client.close(),
  };
}

/** @param totalBytes what the board has, as was last told: one that cannot be read now has as much as ever */
function toReading(gpu: WireAmdGpu, totalBytes: number): GpuReading {
  const usedBytes = gpu.memory?.usedBytes ?? 0;
  const isWell = gpu.error === null && gpu.memory !== null;
  return {
    uuid: gpu.uuid,
    index: gpu.index,
    name: gpu.name,
    vendor: "amd",
    visibleAs: gpu.visibleAs,
    ...(gpu.renderNode === null ? {} : { node: gpu.renderNode }),
    memory: isWell
      ? { totalBytes, usedBytes, freeBytes: totalBytes - usedBytes }
      : { totalBytes, usedBytes: 0, freeBytes: 0 },
    utilizationPercent: gpu.utilizationPercent,
    temperatureCelsius: gpu.temperatureCelsius,
    powerWatts: gpu.powerWatts,
    health: isWell ? { ok: true } : { ok: false, detail: gpu.error ?? "its memory is not told" },
    numaNode: gpu.numaNode,
    nvlinkPeers: gpu.peers,
  };
}

/**
 * Whether this host has an AMD GPU at all. Only what the PCI bus knows is looked at, so no driver is asked and nothing
 * can hang.
 */
export function hasAmdGpu(sysfs = "/sys"): boolean {
  const drm = join(sysfs, "class/drm");
  try {
    return readdirSync(drm).some((name) => /^card\d+$/.test(name) && isAmd(join(drm, name, "device/vendor")));
  } catch {
    return false;
  }
}

function isAmd(file: string): boolean {
  try {
    return readFileSync(file, "utf8").trim() === "0x1002";
  } catch {
    return false;
  }
}
