import type { GpuSample, SampledGpu } from "../../gpu/sample.ts";
import type { Gpu, State } from "../../scheduler/model.ts";
import type { Meters } from "./meters.ts";

/** Sums up what power the GPUs draw. */
export interface GpuEnergy {
  /** Counts the time since the sample before. */
  note(sample: Pick<GpuSample, "atMs" | "gpus">): void;
}

/** A longer gap between two samples is one in which nobody looked: it is not counted. */
const LONGEST_GAP_MS = 30_000;

/** Energy is power times time between samples, the mean of both ends. */
export function createGpuEnergy({ gpuEnergy }: Pick<Meters, "gpuEnergy">): GpuEnergy {
  const before = new Map<string, { readonly atMs: number; readonly watts: number }>();
  return {
    note({ atMs, gpus }) {
      for (const { reading } of gpus) {
        const { uuid, index, powerWatts: watts } = reading;
        const last = before.get(uuid);
        before.delete(uuid);
        if (watts === null) continue;
        before.set(uuid, { atMs, watts });
        const gapMs = last === undefined ? 0 : atMs - last.atMs;
        const isSeen = last !== undefined && gapMs > 0 && gapMs <= LONGEST_GAP_MS;
        gpuEnergy.add(isSeen ? (((watts + last.watts) / 2) * gapMs) / 1_000 : 0, String(index), uuid);
      }
    },
  };
}

/** The GPUs as they are now: what the driver said last, and what is leased. */
export function readGpus(meters: Meters, state: State, sample: GpuSample, nowMs: number): void {
  if (sample.atMs > 0) meters.gpuSampleAge.set(Math.max(0, nowMs - sample.atMs) / 1_000);
  meters.gpuSampleFailures.set(sample.stale?.failures ?? 0);
  const sampled = new Map(sample.gpus.map((each) => [each.reading.uuid, each]));
  for (const gpu of state.gpus.values()) readGpu(meters, gpu, sampled.get(gpu.uuid), sample);
}

function readGpu(meters: Meters, gpu: Gpu, sampled: SampledGpu | undefined, sample: GpuSample): void {
  const at = [String(gpu.index), gpu.uuid] as const;
  const { reading } = sampled ?? {};
  meters.gpuInfo.set(1, ...at, reading?.name ?? "unknown", gpu.vendor ?? "unknown");
  const now = stateOf(gpu);
  for (const each of states) meters.gpuState.set(each === now ? 1 : 0, ...at, each);
  meters.gpuCapacity.set(gpu.totalBytes, ...at);
  meters.gpuReserved.set(sum([...gpu.leases].map(({ vramBytes }) => vramBytes)), ...at);
  meters.gpuForeign.set(gpu.foreignBytes, ...at);
  // What was read before the driver fell silent says nothing about now.
  if (reading === undefined || sample.stale !== null || !reading.health.ok) return;
  meters.gpuUsed.set(reading.memory.usedBytes, ...at);
  meters.gpuOurs.set(sum([...sample.workerBytes.values()].map((byGpu) => byGpu.get(gpu.uuid) ?? 0)), ...at);
  const { utilizationPercent, temperatureCelsius, powerWatts } = reading;
  if (utilizationPercent !== null) meters.gpuUtilization.set(utilizationPercent / 100, ...at);
  if (temperatureCelsius !== null) meters.gpuTemperature.set(temperatureCelsius, ...at);
  if (powerWatts !== null) meters.gpuPower.set(powerWatts, ...at);
}

const states = ["healthy", "quarantined", "lost"] as const;

/** A GPU in quarantine is so whatever the driver says of it. */
function stateOf({ quarantine, healthy }: Gpu): (typeof states)[number] {
  if (quarantine !== null) return "quarantined";
  return healthy ? "healthy" : "lost";
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
