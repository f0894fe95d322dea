import type { GpuView } from "../protocol/views.ts";
import { formatBytes } from "../std/bytes.ts";
import type { Column } from "./table.ts";

/** Columns of a list of GPUs. */
export const gpuColumns: readonly Column<GpuView>[] = [
  { title: "GPU", value: (gpu) => gpu.index, align: "right" },
  { title: "NAME", value: (gpu) => gpu.name },
  {
    title: "MEMORY",
    value: (gpu) => `${formatBytes(gpu.memory.usedBytes)} / ${formatBytes(gpu.memory.totalBytes)}`,
    align: "right",
  },
  { title: "RESERVED", value: (gpu) => formatBytes(gpu.memory.reservedBytes), align: "right" },
  { title: "FOREIGN", value: (gpu) => formatBytes(gpu.memory.foreignBytes), align: "right" },
  { title: "UTIL", value: (gpu) => withUnit(gpu.utilizationPercent, "%"), align: "right" },
  { title: "TEMP", value: (gpu) => withUnit(gpu.temperatureCelsius, " C"), align: "right" },
  { title: "POWER", value: (gpu) => withUnit(gpu.powerWatts, " W"), align: "right" },
  {
    title: "HELD BY",
    value: (gpu) => gpu.leases.map((lease) => `${lease.worker} (${lease.mode})`).join(", ") || null,
  },
  {
    title: "HEALTH",
    value: (gpu) => (gpu.healthy ? "ok" : (gpu.detail ?? "not usable")),
    colour: (gpu) => (gpu.healthy ? undefined : "red"),
  },
];

function withUnit(value: number | null, unit: string): string | null {
  return value === null ? null : `${Math.round(value)}${unit}`;
}
