import { formatBytes, parseBytes } from "../std/bytes.ts";
import { Failure } from "../std/failure.ts";
import type { GpuProbe, GpuReading } from "./probe.ts";

const maxVirtualGpus = 64;
const hint = "write it like virtual:2x24GiB, or virtual:1x24GiB,1x48GiB";

/**
 * Reads "virtual:2x24GiB" or "virtual:1x24GiB,1x48GiB" as the memory of each GPU, in bytes.
 * @throws Failure usage/invalid, naming the part that is wrong.
 */
export function parseVirtualSpec(spec: string): readonly number[] {
  if (!spec.startsWith("virtual:"))
    throw new Failure("usage/invalid", `"${spec}" names no virtual GPUs`, { hint });
  const totals = spec.slice("virtual:".length).split(",").flatMap(parseVirtualGroup);
  if (totals.length > maxVirtualGpus) {
    throw new Failure("usage/invalid", `"${spec}" asks for ${totals.length} virtual GPUs`, {
      why: `at most ${maxVirtualGpus} are possible`,
      hint,
    });
  }
  return totals;
}

/** Reads one group, "2x24GiB", as that many equal totals. */
function parseVirtualGroup(group: string): number[] {
  const match = /^\s*(\d+)\s*x\s*(.+?)\s*$/i.exec(group);
  if (!match) {
    throw new Failure("usage/invalid", `"${group}" is not a group of virtual GPUs`, {
      why: "a group is a count, an x and an amount of memory",
      hint,
    });
  }
  const count = Number(match[1]);
  const bytes = parseBytes(match[2] ?? "");
  if (count < 1 || count > maxVirtualGpus) {
    throw new Failure("usage/invalid", `"${group}" asks for ${count} virtual GPUs`, {
      why: `a group has 1 to ${maxVirtualGpus}`,
      hint,
    });
  }
  if (bytes < 1) throw new Failure("usage/invalid", `"${group}" gives its GPUs no memory`, { hint });
  return Array.from({ length: count }, () => bytes);
}

/**
 * GPUs that exist on paper only, for trying orch out and for tests: no programs on them, no sensors, all memory
 * free. Their UUIDs are GPU-virtual-0, GPU-virtual-1, …
 * @param spec as `parseVirtualSpec` reads it.
 * @throws Failure usage/invalid
 */
export function createVirtualProbe(spec: string): GpuProbe {
  const readings = parseVirtualSpec(spec).map(
    (totalBytes, index): GpuReading => ({
      uuid: `GPU-virtual-${index}`,
      index,
      name: `virtual ${formatBytes(totalBytes)}`,
      memory: { totalBytes, usedBytes: 0, freeBytes: totalBytes },
      utilizationPercent: null,
      temperatureCelsius: null,
      powerWatts: null,
      health: { ok: true },
    }),
  );
  return {
    kind: "virtual",
    read: async () => readings,
    processes: async () => new Map(readings.map((reading) => [reading.uuid, []])),
    close: async () => {},
  };
}
