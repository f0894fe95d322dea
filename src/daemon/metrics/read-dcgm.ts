import { hostname } from "node:os";
import type { GpuSample } from "../../gpu/sample.ts";
import type { Family } from "../../std/metric-families.ts";
import { dcgmList } from "./dcgm-list.ts";
import { createFamilies, type Meters } from "./meters.ts";

const MIB = 2 ** 20;

/** The GPUs by the names and in the units of NVIDIA's dcgm-exporter, filled anew by each call. */
export function readDcgm(sample: GpuSample, { gpuEnergy }: Pick<Meters, "gpuEnergy">): Family[] {
  const dcgm = createFamilies(dcgmList);
  const host = hostname();
  for (const { reading } of sample.stale === null ? sample.gpus : []) {
    if (!reading.health.ok) continue;
    const { index, uuid, memory, utilizationPercent, temperatureCelsius, powerWatts } = reading;
    const at = [String(index), uuid, host] as const;
    dcgm.used.set(Math.round(memory.usedBytes / MIB), ...at);
    dcgm.free.set(Math.round(memory.freeBytes / MIB), ...at);
    dcgm.reserved.set(Math.round((memory.totalBytes - memory.usedBytes - memory.freeBytes) / MIB), ...at);
    if (utilizationPercent !== null) dcgm.utilization.set(utilizationPercent, ...at);
    if (temperatureCelsius !== null) dcgm.temperature.set(temperatureCelsius, ...at);
    if (powerWatts !== null) dcgm.power.set(powerWatts, ...at);
    if (powerWatts !== null) dcgm.energy.set(Math.round(1_000 * gpuEnergy.get(String(index), uuid)), ...at);
  }
  return Object.values(dcgm);
}
