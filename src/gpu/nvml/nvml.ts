import { z } from "zod";
import { systemClock } from "../../std/clock.ts";
import { type GpuProbe, type GpuReading, type GpuTrouble, unknownTopology } from "../probe.ts";
import { createProcessNamer } from "../process-owner.ts";
import { readNumaNode, type TopologyByGpu, TopologyCache } from "../topology.ts";
import { NvmlClient, type NvmlClientOptions } from "./nvml-client.ts";
import { WireDevice, WireProcesses, WireTopology } from "./nvml-wire.ts";

export interface NvmlProbeOptions extends NvmlClientOptions {
  /** Where sysfs is mounted. Default: /sys. */
  readonly sysfs?: string | undefined;
}

export interface NvmlProbe extends GpuProbe {
  readonly kind: "nvml";
  /** As the driver says it ("570.86.15"), once it answered. */
  driverVersion(): string | null;
  /** False when the helper, koffi or libnvidia-ml is known to be absent. */
  isInstalled(): boolean;
}

/** Sees GPUs through NVML, in a helper process that is started at the first call. */
export function createNvmlProbe(options: NvmlProbeOptions = {}): NvmlProbe {
  const { clock = systemClock, sysfs } = options;
  const client = new NvmlClient(options);
  const nameProcesses = createProcessNamer({ clock });
  const topology = new TopologyCache((deadlineMs) => askTopology(client, deadlineMs, sysfs));
  let known: ReadonlyMap<number, GpuReading> = new Map();
  return {
    kind: "nvml",
    read: async (deadlineMs) => {
      const startMs = clock.monotonicMs();
      const devices = z.array(WireDevice).parse(await client.request("read", deadlineMs));
      const readings = toReadings(devices, known);
      known = new Map([
        ...known,
        ...readings.map((reading): [number, GpuReading] => [reading.index, reading]),
      ]);
      return topology.addTo(readings, deadlineMs - (clock.monotonicMs() - startMs));
    },
    processes: async (deadlineMs) => {
      const lists = z.array(WireProcesses).parse(await client.request("processes", deadlineMs));
      return new Map(
        await Promise.all(
          lists.map(async ({ uuid, processes }) => [uuid, await nameProcesses(processes)] as const),
        ),
      );
    },
    driverVersion: () => client.driverVersion(),
    isInstalled: () => client.isInstalled(),
    close: () => client.close(),
  };
}

async function askTopology(
  client: NvmlClient,
  deadlineMs: number,
  sysfs: string | undefined,
): Promise<TopologyByGpu> {
  const told = z.array(WireTopology).parse(await client.request("topology", deadlineMs));
  const entries = told.map(async ({ uuid, pciAddress, nvlinkPeers }) => {
    return [uuid, { numaNode: await readNumaNode(pciAddress, sysfs), nvlinkPeers }] as const;
  });
  return new Map(await Promise.all(entries));
}

/**
 * Turns the helper's devices into readings; how they are connected is not among what it tells here. A GPU that fell off the bus does not even tell its UUID, so it keeps
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
      vendor: "nvidia",
      ...(device.parent === null ? {} : { parent: device.parent }),
      ...(device.instance === null ? {} : { instance: device.instance }),
      memory: ok && device.memory ? device.memory : emptyMemory(remembered ? before.memory.totalBytes : 0),
      utilizationPercent: device.utilizationPercent,
      temperatureCelsius: device.temperatureCelsius,
      powerWatts: device.powerWatts,
      health: ok ? { ok } : troubleOf(device),
      ...unknownTopology,
    };
  });
}

function troubleOf({ error, fault }: WireDevice): GpuTrouble {
  const trouble = { ok: false, detail: error ?? "the driver does not tell which GPU it is" } as const;
  return fault === null ? trouble : { ...trouble, fault };
}

function emptyMemory(totalBytes: number): GpuReading["memory"] {
  return { totalBytes, usedBytes: 0, freeBytes: 0 };
}
