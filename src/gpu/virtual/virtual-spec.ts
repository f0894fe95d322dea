import { parseBytes } from "../../std/bytes.ts";
import { Failure } from "../../std/failure.ts";

/** GPUs that exist on paper only, as a spec describes them. */
export interface VirtualSpec {
  /** The memory of each GPU. */
  readonly totalsBytes: readonly number[];
  /** Groups of GPUs, by index, that are all linked with each other. */
  readonly nvlinkGroups: readonly (readonly number[])[];
  /** One for each GPU; null when the spec names none. */
  readonly numaNodes: readonly number[] | null;
  /** The folder in which programs say what they hold; null when the spec names none. */
  readonly heldFolder: string | null;
}

const maxVirtualGpus = 64;
const hint =
  "write it like virtual:2x24GiB, virtual:1x24GiB,1x48GiB or virtual:4x24GiB,nvlink=0-1/2-3,numa=0/0/1/1";

/**
 * Reads "virtual:2x24GiB" or "virtual:1x24GiB,1x48GiB". These may follow, each once:
 * - `nvlink=0-1/2-3`: GPUs joined by "-" are linked with each other; "/" separates such groups
 * - `numa=0/0/1/1`: the NUMA node of each GPU
 * - `held=/some/folder`: what programs hold is read from there (see `readHeldMemory`); no comma in the path
 * @throws Failure usage/invalid, naming the part that is wrong.
 */
export function parseVirtualSpec(spec: string): VirtualSpec {
  if (!spec.startsWith("virtual:")) throw invalid(`"${spec}" names no virtual GPUs`);
  const parts = spec.slice("virtual:".length).split(",");
  const options = readOptions(parts.filter(isOption));
  const totalsBytes = parts.filter((part) => !isOption(part)).flatMap(parseGroup);
  if (totalsBytes.length > maxVirtualGpus) {
    throw invalid(
      `"${spec}" asks for ${totalsBytes.length} virtual GPUs`,
      `at most ${maxVirtualGpus} are possible`,
    );
  }
  const count = totalsBytes.length;
  const { nvlink, numa, held } = options;
  return {
    totalsBytes,
    nvlinkGroups: nvlink === undefined ? [] : parseLinks(nvlink, count),
    numaNodes: numa === undefined ? null : parseNodes(numa, count),
    heldFolder: held ?? null,
  };
}

interface Options {
  nvlink?: string;
  numa?: string;
  held?: string;
}

function isOption(part: string): boolean {
  return part.includes("=");
}

function readOptions(parts: readonly string[]): Options {
  const options: Options = {};
  for (const part of parts) {
    const [, name, value = ""] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    if (name !== "nvlink" && name !== "numa" && name !== "held") {
      throw invalid(`"${part}" is no option of virtual GPUs`, "they have nvlink, numa and held");
    }
    if (options[name] !== undefined) throw invalid(`"${name}" is given twice`);
    if (value === "") throw invalid(`"${part}" has no value`);
    options[name] = value;
  }
  return options;
}

/** Reads one group, "2x24GiB", as that many equal totals. */
function parseGroup(group: string): number[] {
  const match = /^\s*(\d+)\s*x\s*(.+?)\s*$/i.exec(group);
  if (!match) {
    throw invalid(
      `"${group}" is not a group of virtual GPUs`,
      "a group is a count, an x and an amount of memory",
    );
  }
  const count = Number(match[1]);
  const bytes = parseBytes(match[2] ?? "");
  if (count < 1 || count > maxVirtualGpus) {
    throw invalid(`"${group}" asks for ${count} virtual GPUs`, `a group has 1 to ${maxVirtualGpus}`);
  }
  if (bytes < 1) throw invalid(`"${group}" gives its GPUs no memory`);
  return Array.from({ length: count }, () => bytes);
}

function parseLinks(text: string, count: number): number[][] {
  return text.split("/").map((group) => {
    const indices = group.split("-").map((index) => (/^\d+$/.test(index) ? Number(index) : Number.NaN));
    const isGood = indices.length > 1 && indices.every((index) => index < count);
    if (!isGood || new Set(indices).size < indices.length) {
      throw invalid(`nvlink "${group}" links no GPUs`, `it takes two or more of 0 to ${count - 1}, like 0-1`);
    }
    return indices;
  });
}

function parseNodes(text: string, count: number): number[] {
  const nodes = text.split("/");
  if (nodes.length !== count || !nodes.every((node) => /^\d{1,4}$/.test(node))) {
    throw invalid(`numa "${text}" gives no node to each GPU`, `it takes ${count} numbers, like 0/0/1/1`);
  }
  return nodes.map(Number);
}

function invalid(message: string, why?: string): Failure {
  return new Failure("usage/invalid", message, { why, hint });
}
