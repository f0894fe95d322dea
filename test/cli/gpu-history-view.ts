import type { OutputOf } from "../../src/client/client.ts";

type History = OutputOf<"GET /gpus/history">;
type Gpu = History["gpus"][number];

const GIB = 2 ** 30;

/** As the daemon answers: a GPU of 24 GiB by load in percent, a minute each up to 2026-01-02T00:10:00Z; null = not seen. */
export function gpuHistoryView(loads: readonly (number | null)[], changes: Partial<Gpu> = {}): History {
  const flat = (scale: number): Gpu["usedBytes"] => {
    const mean = loads.map((load) => (load === null ? null : load * scale));
    return { mean, max: mean };
  };
  const endMs = Date.parse("2026-01-02T00:10:00Z");
  const untold = loads.map(() => null);
  const gpu: Gpu = {
    index: 0,
    uuid: "GPU-0a1b2c3d-0000-0000-0000-000000000000",
    name: "NVIDIA H100 80GB HBM3",
    totalBytes: 24 * GIB,
    seenMs: loads.map((load) => (load === null ? 0 : 60_000)),
    utilizationPercent: flat(1),
    usedBytes: flat((24 * GIB) / 100),
    oursBytes: flat((24 * GIB) / 100),
    foreignBytes: flat(0),
    reservedBytes: flat(0),
    temperatureCelsius: { mean: untold, max: untold },
    powerWatts: flat(7),
    energyJoules: loads.map((load) => (load === null ? null : load * 7 * 60)),
    holders: [],
    ...changes,
  };
  return {
    since: new Date(endMs - loads.length * 60_000).toISOString(),
    until: new Date(endMs).toISOString(),
    stepMs: 60_000,
    keptMs: 60_000,
    gpus: [gpu],
  };
}

/** A worker that held the GPU, by minutes of the first hour of 2026-01-02. */
export function heldBy(worker: string, fromMinute: number, toMinute: number | null): Gpu["holders"][number] {
  const at = (minute: number): string =>
    new Date(Date.parse("2026-01-02T00:00:00Z") + minute * 60_000).toISOString();
  return {
    worker,
    runtime: "sdxl",
    mode: "exclusive",
    vramBytes: 24 * GIB,
    from: at(fromMinute),
    to: toMinute === null ? null : at(toMinute),
  };
}
