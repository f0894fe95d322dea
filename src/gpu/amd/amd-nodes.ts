import { join } from "node:path";
import { listSysfs, readSysfsProperties, readSysfsText } from "../read-sysfs.ts";

/** A GPU as amdkfd lists it: what is not listed there ROCm cannot use. */
export interface AmdNode {
  /** The number of its folder. */
  readonly node: number;
  /** Its place among the GPUs listed: what ROCR_VISIBLE_DEVICES takes as an index. */
  readonly rank: number;
  /** The name of its files under kfd/proc. */
  readonly gpuId: string;
  /** Sixteen hexadecimal digits; null for boards that have none. */
  readonly uniqueId: string | null;
  /** As sysfs spells it, "0000:03:00.0". */
  readonly pciAddress: string;
  readonly renderMinor: number | null;
  /** The numbers of the nodes that it has an XGMI link to. */
  readonly linkedNodes: readonly number[];
}

/** HSA_IOLINKTYPE_XGMI of the kernel's include/uapi/linux/kfd_sysfs.h. */
const xgmi = "11";

/**
 * The GPUs of class/kfd/kfd/topology/nodes, whose files include/uapi/linux/kfd_sysfs.h of the kernel names. Nodes without
 * compute units are processors. A node that may not be read is not counted: the runtime of ROCm does not count it either.
 * @param sysfs where sysfs is mounted
 */
export async function readAmdNodes(sysfs: string): Promise<readonly AmdNode[]> {
  const nodes = join(sysfs, "class/kfd/kfd/topology/nodes");
  const found: AmdNode[] = [];
  for (const name of await listSysfs(nodes, /^\d+$/)) {
    const dir = join(nodes, name);
    const properties = await readSysfsProperties(join(dir, "properties"));
    const gpuId = await readSysfsText(join(dir, "gpu_id"));
    if (properties === null || gpuId === null || Number(properties.get("simd_count") ?? 0) === 0) continue;
    const renderMinor = Number(properties.get("drm_render_minor") ?? 0);
    found.push({
      node: Number(name),
      rank: found.length,
      gpuId,
      uniqueId: uniqueIdOf(properties.get("unique_id")),
      pciAddress: pciAddressOf(properties),
      renderMinor: renderMinor > 0 ? renderMinor : null,
      linkedNodes: await readLinks(dir),
    });
  }
  return found;
}

/** As the runtime of ROCm spells it: 64 bits as hexadecimal digits, leading zeros included. */
function uniqueIdOf(decimal: string | undefined): string | null {
  const id = BigInt(decimal ?? "0");
  return id === 0n ? null : id.toString(16).padStart(16, "0");
}

/** `location_id` is bus, device (5 bits) and function (3 bits) of PCI. */
function pciAddressOf(properties: ReadonlyMap<string, string>): string {
  const location = Number(properties.get("location_id") ?? 0);
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
  const domain = hex(Number(properties.get("domain") ?? 0), 4);
  return `${domain}:${hex((location >> 8) & 0xff, 2)}:${hex((location >> 3) & 0x1f, 2)}.${location & 7}`;
}

async function readLinks(dir: string): Promise<readonly number[]> {
  const linked = new Set<number>();
  for (const folder of ["io_links", "p2p_links"]) {
    for (const name of await listSysfs(join(dir, folder), /^\d+$/)) {
      const link = await readSysfsProperties(join(dir, folder, name, "properties"));
      const to = link?.get("type") === xgmi ? link.get("node_to") : undefined;
      if (to !== undefined) linked.add(Number(to));
    }
  }
  return [...linked];
}
