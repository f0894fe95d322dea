import { formatBytes } from "../../std/bytes.ts";
import { systemClock } from "../../std/clock.ts";
import type { GpuProbe, GpuReading, ListedProcess } from "../probe.ts";
import { createProcessNamer } from "../process-owner.ts";
import { readHeldMemory } from "./virtual-memory.ts";
import { parseVirtualSpec, type VirtualSpec } from "./virtual-spec.ts";

/**
 * GPUs that exist on paper only, for trying orch out and for tests: no sensors, and all memory is free but what
 * programs say they hold in the spec's `held` folder. Their UUIDs are GPU-virtual-0, GPU-virtual-1, …
 * @param spec as `parseVirtualSpec` reads it.
 * @throws Failure usage/invalid
 */
export function createVirtualProbe(spec: string): GpuProbe {
  const parsed = parseVirtualSpec(spec);
  const free = parsed.totalsBytes.map((_, index) => toReading(parsed, index));
  const nameProcesses = createProcessNamer();
  const readHeld = async (): Promise<ReadonlyMap<number, readonly ListedProcess[]>> =>
    parsed.heldFolder === null ? new Map() : readHeldMemory(parsed.heldFolder, systemClock);
  return {
    kind: "virtual",
    read: async () => {
      const held = await readHeld();
      return free.map((reading) => fill(reading, held.get(reading.index) ?? []));
    },
    processes: async () => {
      const held = await readHeld();
      const lists = free.map(async ({ uuid, index }) => {
        return [uuid, await nameProcesses(held.get(index) ?? [])] as const;
      });
      return new Map(await Promise.all(lists));
    },
    close: async () => {},
  };
}

function toReading({ totalsBytes, nvlinkGroups, numaNodes }: VirtualSpec, index: number): GpuReading {
  const totalBytes = totalsBytes[index] ?? 0;
  const peers = new Set(nvlinkGroups.filter((group) => group.includes(index)).flat());
  peers.delete(index);
  return {
    uuid: uuidOf(index),
    index,
    name: `virtual ${formatBytes(totalBytes)}`,
    memory: { totalBytes, usedBytes: 0, freeBytes: totalBytes },
    utilizationPercent: null,
    temperatureCelsius: null,
    powerWatts: null,
    health: { ok: true },
    numaNode: numaNodes?.[index] ?? null,
    nvlinkPeers: [...peers].map(uuidOf),
  };
}

function uuidOf(index: number): string {
  return `GPU-virtual-${index}`;
}

/** A GPU cannot hold more than it has, whatever programs say. */
function fill(reading: GpuReading, held: readonly ListedProcess[]): GpuReading {
  const { totalBytes } = reading.memory;
  const claimedBytes = held.reduce((sum, { vramBytes }) => sum + (vramBytes ?? 0), 0);
  const usedBytes = Math.min(totalBytes, claimedBytes);
  return { ...reading, memory: { totalBytes, usedBytes, freeBytes: totalBytes - usedBytes } };
}
