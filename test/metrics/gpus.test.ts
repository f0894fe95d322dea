import { hostname } from "node:os";
import { expect, test } from "vitest";
import { createMeters } from "../../src/daemon/metrics/meters.ts";
import { readDcgm } from "../../src/daemon/metrics/read-dcgm.ts";
import { createGpuEnergy, readGpus } from "../../src/daemon/metrics/read-gpus.ts";
import type { GpuSample } from "../../src/gpu/sample.ts";
import { writeMetrics } from "../../src/std/metric-families.ts";
import { Bench, GIB, model } from "../kit/scheduler.ts";
import { readMetrics } from "./read-text.ts";

const MIB = 2 ** 20;

/** Two GPUs, of which the second tells nothing but its memory. */
function sampleAt(atMs: number, watts: number | null): GpuSample {
  const common = { name: "Test GPU", numaNode: null, nvlinkPeers: [], health: { ok: true } } as const;
  const busy = {
    ...common,
    uuid: "GPU-0",
    index: 0,
    memory: { totalBytes: 24 * GIB, usedBytes: 10 * GIB, freeBytes: 14 * GIB - 512 * MIB },
    utilizationPercent: 75,
    temperatureCelsius: 61,
    powerWatts: watts,
  };
  const silent = {
    ...common,
    uuid: "GPU-1",
    index: 1,
    memory: { totalBytes: 24 * GIB, usedBytes: 0, freeBytes: 24 * GIB },
    utilizationPercent: null,
    temperatureCelsius: null,
    powerWatts: null,
  };
  return {
    atMs,
    gpus: [busy, silent].map((reading) => ({ reading, foreignBytes: 0, processes: null })),
    workerBytes: new Map([[1, new Map([["GPU-0", 7 * GIB]])]]),
    stale: null,
  };
}

test("memory by holder, sensors, and energy as power over time", () => {
  const bench = new Bench({ gpus: [{ foreignBytes: 3 * GIB }, {}] });
  bench.submit(model("one", { vramBytes: 8 * GIB }));
  const meters = createMeters();
  const energy = createGpuEnergy(meters);
  energy.note(sampleAt(1_000, 100));
  energy.note(sampleAt(3_000, 200));
  // Nobody looked for a minute: what was drawn in that time is not known.
  energy.note(sampleAt(63_000, 200));
  energy.note(sampleAt(64_000, 200));
  const sample = sampleAt(64_000, 200);
  readGpus(meters, bench.state, sample, 66_000);
  const dcgm = readDcgm(sample, meters);
  const text = writeMetrics([...Object.values(meters), ...dcgm], "prometheus");
  const { sum } = readMetrics(text);
  const first = (name: string) => sum(name, { gpu: "0", uuid: "GPU-0" });
  const second = (name: string) => sum(name, { gpu: "1", uuid: "GPU-1" });
  expect(first("orch_gpu_energy_joules_total")).toBe(150 * 2 + 200);
  expect(second("orch_gpu_energy_joules_total")).toBeNull();
  expect(first("orch_gpu_memory_capacity_bytes")).toBe(24 * GIB);
  expect(first("orch_gpu_memory_used_bytes")).toBe(10 * GIB);
  expect(first("orch_gpu_memory_ours_bytes")).toBe(7 * GIB);
  expect(first("orch_gpu_memory_foreign_bytes")).toBe(3 * GIB);
  expect(
    (first("orch_gpu_memory_reserved_bytes") ?? 0) + (second("orch_gpu_memory_reserved_bytes") ?? 0),
  ).toBe(8 * GIB);
  expect(first("orch_gpu_utilization_ratio")).toBe(0.75);
  expect(second("orch_gpu_utilization_ratio")).toBeNull();
  expect(first("orch_gpu_temperature_celsius")).toBe(61);
  expect(first("orch_gpu_power_watts")).toBe(200);
  expect(sum("orch_gpu_sample_age_seconds")).toBe(2);
  const alias = (name: string) =>
    sum(`DCGM_FI_DEV_${name}`, { gpu: "0", UUID: "GPU-0", hostname: hostname() });
  expect(alias("GPU_UTIL")).toBe(75);
  expect([alias("FB_USED"), alias("FB_FREE"), alias("FB_RESERVED")]).toEqual([10_240, 13_824, 512]);
  expect([alias("GPU_TEMP"), alias("POWER_USAGE")]).toEqual([61, 200]);
  expect(alias("TOTAL_ENERGY_CONSUMPTION")).toBe(500_000);
});

test("a GPU is healthy, quarantined or lost; of a silent driver there are no sensors", () => {
  const bench = new Bench({ gpus: [{}, {}, {}] });
  bench.seeGpus([{ healthy: false }, { healthy: false, fault: { code: "xid", text: "Xid 79" } }, {}]);
  const meters = createMeters();
  const sample = { ...sampleAt(1_000, 100), stale: { reason: "it hangs", failures: 4 } };
  readGpus(meters, bench.state, sample, 2_000);
  const { sum } = readMetrics(writeMetrics(Object.values(meters), "prometheus"));
  const stateOf = (gpu: string) =>
    ["healthy", "quarantined", "lost"].filter((state) => sum("orch_gpu_state", { gpu, state }) === 1);
  expect([stateOf("0"), stateOf("1"), stateOf("2")]).toEqual([["lost"], ["quarantined"], ["healthy"]]);
  expect(sum("orch_gpu_sample_failures")).toBe(4);
  expect(sum("orch_gpu_power_watts")).toBeNull();
  expect(
    readDcgm(sample, meters).flatMap((family) => {
      const lines: string[] = [];
      family.lines(lines);
      return lines;
    }),
  ).toEqual([]);
});
