import { join } from "node:path";
import type { WireProcesses } from "../nvml/nvml-wire.ts";
import { listSysfs, readSysfsNumber, readSysfsText, type SysfsNumber } from "../read-sysfs.ts";
import { type AmdNode, readAmdNodes } from "./amd-nodes.ts";
import type { WireAmdGpu } from "./amd-wire.ts";

/** The PCI id of AMD. */
const amdVendor = "0x1002";

/** What a processor's own graphics borrows of the host; boards that compute have far more. */
const leastOwnBytes = 2 * 2 ** 30;

/**
 * Reads every AMD GPU: the files of class/drm/cardN/device that Documentation/gpu/amdgpu/driver-misc.rst and thermal.rst of
 * the kernel describe, and the lists of amdkfd. Graphics inside a processor is passed over: it has no memory of its own.
 * What cannot be read is null, or the GPU's `error`.
 * @param sysfs where sysfs is mounted
 */
export async function readAmdGpus(sysfs: string): Promise<WireAmdGpu[]> {
  const nodes = await readAmdNodes(sysfs);
  const cards = await readCards(sysfs);
  const keys = keysOf(cards, nodes);
  const gpus: WireAmdGpu[] = [];
  for (const card of cards) {
    const node = nodeOf(card, nodes);
    const linked = nodes.filter((other) => node?.linkedNodes.includes(other.node));
    const peers = linked.flatMap(({ pciAddress }) => keys.get(pciAddress) ?? []);
    const gpu = await readGpu(card, node, keys, nodes.length + gpus.length);
    if (gpu.memory === null || gpu.memory.totalBytes >= leastOwnBytes) gpus.push({ ...gpu, peers });
  }
  return gpus;
}

/**
 * The programs on every AMD GPU: class/kfd/kfd/proc/PID/vram_GPUID holds bytes, for every program that has opened the
 * device, so most are 0. Without that folder nothing is told. Programs that only draw are not listed.
 * @param sysfs where sysfs is mounted
 */
export async function readAmdProcesses(sysfs: string): Promise<WireProcesses[]> {
  const proc = join(sysfs, "class/kfd/kfd/proc");
  if ((await listSysfs(join(proc, ".."), /^proc$/)).length === 0) return [];
  const nodes = await readAmdNodes(sysfs);
  const cards = await readCards(sysfs);
  const keys = keysOf(cards, nodes);
  const pids = await listSysfs(proc, /^[1-9]\d*$/);
  const lists = cards.map(async (card): Promise<WireProcesses[]> => {
    const node = nodeOf(card, nodes);
    if (node === undefined) return [];
    const processes: WireProcesses["processes"] = [];
    for (const pid of pids) {
      const held = await readSysfsNumber(join(proc, pid, `vram_${node.gpuId}`));
      if (held.value !== null && held.value > 0) processes.push({ pid: Number(pid), vramBytes: held.value });
    }
    return [{ uuid: keys.get(card.pciAddress) ?? "", processes }];
  });
  return (await Promise.all(lists)).flat();
}

interface Card {
  readonly dir: string;
  readonly pciAddress: string;
}

async function readCards(sysfs: string): Promise<readonly Card[]> {
  const drm = join(sysfs, "class/drm");
  const cards: Card[] = [];
  for (const name of await listSysfs(drm, /^card\d+$/)) {
    const dir = join(drm, name, "device");
    if ((await readSysfsText(join(dir, "vendor"))) !== amdVendor) continue;
    const slot = /^PCI_SLOT_NAME=(\S+)$/m.exec((await readSysfsText(join(dir, "uevent"))) ?? "")?.[1];
    cards.push({ dir, pciAddress: slot ?? name });
  }
  return cards;
}

function nodeOf(card: Card, nodes: readonly AmdNode[]): AmdNode | undefined {
  return nodes.find(({ pciAddress }) => pciAddress === card.pciAddress);
}

/** The UUID of each card by its PCI address: of the board's unique id, else of where it is plugged in. */
function keysOf(cards: readonly Card[], nodes: readonly AmdNode[]): ReadonlyMap<string, string> {
  return new Map(
    cards.map((card) => {
      const id = nodeOf(card, nodes)?.uniqueId ?? null;
      const isOnly = nodes.filter(({ uniqueId }) => uniqueId === id).length === 1;
      return [card.pciAddress, id !== null && isOnly ? `GPU-${id}` : `GPU-amd-${card.pciAddress}`];
    }),
  );
}

async function readGpu(
  { dir, pciAddress }: Card,
  node: AmdNode | undefined,
  keys: ReadonlyMap<string, string>,
  spareIndex: number,
): Promise<Omit<WireAmdGpu, "peers">> {
  const uuid = keys.get(pciAddress) ?? `GPU-amd-${pciAddress}`;
  const memory = await readMemory(dir);
  const numa = (await readSysfsNumber(join(dir, "numa_node"))).value;
  const unlisted = "amdkfd does not list it, so ROCm cannot use it";
  const why = node === undefined ? unlisted : typeof memory === "string" ? memory : null;
  return {
    uuid,
    index: node?.rank ?? spareIndex,
    visibleAs: node !== undefined && uuid === `GPU-${node.uniqueId}` ? uuid : String(node?.rank ?? ""),
    name: await readName(dir),
    error: why,
    memory: typeof memory === "string" ? null : memory,
    ...(await readSensors(dir)),
    numaNode: numa !== null && numa >= 0 ? numa : null,
    renderNode: node?.renderMinor ? `/dev/dri/renderD${node.renderMinor}` : null,
  };
}

/** @returns why it is not known, where it is not */
async function readMemory(dir: string): Promise<{ totalBytes: number; usedBytes: number } | string> {
  const total = await readSysfsNumber(join(dir, "mem_info_vram_total"));
  const used = await readSysfsNumber(join(dir, "mem_info_vram_used"));
  if (total.value === null) return total.why;
  if (used.value === null) return used.why;
  if (total.value <= 0 || used.value < 0 || used.value > total.value)
    return `it says that ${used.value} of ${total.value} bytes are in use`;
  return { totalBytes: total.value, usedBytes: used.value };
}

/** Temperatures are in thousandths of a degree and power in millionths of a watt (Documentation/hwmon/sysfs-interface.rst). */
async function readSensors(dir: string) {
  const [hwmon] = await listSysfs(join(dir, "hwmon"), /^hwmon\d+$/);
  const sensor = (name: string): Promise<SysfsNumber> =>
    readSysfsNumber(join(dir, "hwmon", hwmon ?? "none", name));
  const temperature = (await sensor("temp1_input")).value;
  // Newer boards tell what they draw now, older ones an average.
  const power = (await sensor("power1_average")).value ?? (await sensor("power1_input")).value;
  return {
    utilizationPercent: (await readSysfsNumber(join(dir, "gpu_busy_percent"))).value,
    temperatureCelsius: temperature === null ? null : temperature / 1000,
    powerWatts: power === null ? null : power / 1_000_000,
  };
}

async function readName(dir: string): Promise<string> {
  const product = await readSysfsText(join(dir, "product_name"));
  if (product) return product;
  const device = await readSysfsText(join(dir, "device"));
  return device === null ? "AMD GPU" : `AMD GPU ${device.replace(/^0x/, "")}`;
}
