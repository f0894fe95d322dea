import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type GpuReading, type GpuTopology, unknownTopology } from "./probe.ts";

/** How each GPU is connected, by UUID. */
export type TopologyByGpu = ReadonlyMap<string, GpuTopology>;

/** A question that hangs costs a helper process, of which few may hang; so nobody asks again and again. */
const triesPerSetOfGpus = 2;

/** Keeps how the GPUs are connected: it is asked for once, and again only when GPUs come or the asking failed. */
export class TopologyCache {
  private readonly ask: (deadlineMs: number) => Promise<TopologyByGpu>;
  private known: TopologyByGpu = new Map();
  private seen = "";
  private triesLeft = triesPerSetOfGpus;

  /** @param ask gives what can be told, within `deadlineMs`; a refusal leaves the GPUs without. */
  constructor(ask: (deadlineMs: number) => Promise<TopologyByGpu>) {
    this.ask = ask;
  }

  /** Adds to each reading how its GPU is connected. Never rejects; ends within `deadlineMs`. */
  async addTo(readings: readonly GpuReading[], deadlineMs: number): Promise<readonly GpuReading[]> {
    const uuids = readings.filter(({ health }) => health.ok).map(({ uuid }) => uuid);
    const set = [...uuids].sort().join();
    if (set !== this.seen) {
      this.seen = set;
      this.triesLeft = triesPerSetOfGpus;
    }
    if (this.triesLeft > 0 && deadlineMs > 0 && uuids.some((uuid) => !this.known.has(uuid))) {
      this.triesLeft -= 1;
      const told = await this.ask(deadlineMs).catch((): TopologyByGpu => new Map());
      this.known = new Map([...this.known, ...told]);
    }
    return readings.map((reading) => ({ ...reading, ...(this.known.get(reading.uuid) ?? unknownTopology) }));
  }
}

/**
 * The NUMA node of a PCI device; null where the kernel does not tell, or writes -1: the host has one node, or its
 * firmware is silent. Never rejects.
 * @param pciAddress as sysfs ("0000:34:00.0") or nvidia-smi ("00000000:34:00.0") spells it.
 */
export async function readNumaNode(pciAddress: string | null, sysfs = "/sys"): Promise<number | null> {
  // nvidia-smi writes eight digits of the domain in upper case, sysfs at least four in lower case.
  const match = /^0*([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])$/.exec(pciAddress?.toLowerCase() ?? "");
  if (!match) return null;
  const path = join(sysfs, "bus/pci/devices", match[1] ?? "", "numa_node");
  const node = Number.parseInt(await readFile(path, "utf8").catch(() => ""), 10);
  return node >= 0 ? node : null;
}
