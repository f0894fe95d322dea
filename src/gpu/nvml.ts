import { z } from "zod";
import { NvmlClient, type NvmlClientOptions } from "./nvml-client.ts";
import { WireDevice, WireProcesses } from "./nvml-wire.ts";
import type { GpuProbe, GpuProcess, GpuReading } from "./probe.ts";
import { readProcessOwner } from "./process-owner.ts";

export interface NvmlProbe extends GpuProbe {
  readonly kind: "nvml";
  /** As the driver says it ("570.86.15"), once it answered. */
  driverVersion(): string | null;
  /** False when the helper, koffi or libnvidia-ml is known to be absent. */
  isInstalled(): boolean;
}

/** Sees GPUs through NVML, in a helper process that is started at the first call. */
export function createNvmlProbe(options: NvmlClientOptions = {}): NvmlProbe {
  const client = new NvmlClient(options);
  let known: ReadonlyMap<number, GpuReading> = new Map();
  return {
    kind: "nvml",
    read: async (deadlineMs) => {
      const devices = z.array(WireDevice).parse(await client.request("read", deadlineMs));
      const readings = toReadings(devices, known);
      known = new Map([
        ...known,
        ...readings.map((reading): [number, GpuReading] => [reading.index, reading]),
      ]);
      return readings;
    },
    processes: async (deadlineMs) => {
      const lists = z.array(WireProcesses).parse(await client.request("processes", deadlineMs));
      return new Map(
        await Promise.all(
          lists.map(async ({ uuid, processes }) => [uuid, await addOwners(processes)] as const),
        ),
      );
    },
    driverVersion: () => client.driverVersion(),
    isInstalled: () => client.isInstalled(),
    close: () => client.close(),
  };
}

/**
 * Turns the helper's devices into readings. A GPU that fell off the bus does not even tell its UUID, so it keeps
 * the one last seen at its index, unless that GPU now answers at another index.
 */
export function toReadings(
  devices: readonly WireDevice[],
  known: ReadonlyMap<number, GpuReading>,
): readonly GpuReading[] {
  const told = new Set(devices.map((device) => device.uuid));
  return devices.map((device) => {
    const before = known.get(device.index);
    const remembered =
      before && (device.uuid === before.uuid || (device.uuid === null && !told.has(before.uuid)));
    const ok = device.error === null && device.uuid !== null && device.memory !== null;
    return {
      uuid: device.uuid ?? (remembered ? before.uuid : `GPU-unknown-${device.index}`),
      index: device.index,
      name: device.name ?? (remembered ? before.name : "unknown GPU"),
      memory: ok && device.memory ? device.memory : emptyMemory(remembered ? before.memory.totalBytes : 0),
      utilizationPercent: device.utilizationPercent,
      temperatureCelsius: device.temperatureCelsius,
      powerWatts: device.powerWatts,
      health: ok ? { ok } : { ok, detail: device.error ?? "the driver does not tell which GPU it is" },
    };
  });
}

function emptyMemory(totalBytes: number): GpuReading["memory"] {
  return { totalBytes, usedBytes: 0, freeBytes: 0 };
}

function addOwners(processes: readonly { pid: number; vramBytes: number | null }[]): Promise<GpuProcess[]> {
  return Promise.all(
    processes.map(async (process) => ({ ...process, ...(await readProcessOwner(process.pid)) })),
  );
}
