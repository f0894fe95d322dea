import { type GpuReading, unknownTopology } from "../probe.ts";

/** The fields asked for, in the order in which the parsers read them; the name last because it is free text. */
export const smiGpuFields = [
  "index",
  "uuid",
  "memory.total",
  "memory.used",
  "memory.free",
  "utilization.gpu",
  "temperature.gpu",
  "power.draw",
  "pci.bus_id",
  "name",
];
export const smiProcessFields = ["gpu_uuid", "pid", "used_memory"];

/** A GPU as one line shows it, and its PCI address, "00000000:34:00.0". */
export interface SmiGpu {
  readonly reading: GpuReading;
  readonly pciAddress: string;
}

/**
 * Reads `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`. A GPU whose memory is not a number ("[GPU is
 * lost]", "[Unknown Error]") is unhealthy; sensors that are not numbers ("[N/A]", "[Not Supported]") are null.
 * @returns the GPUs, and the first line that is none: nvidia-smi names GPUs it cannot open in such lines.
 */
export function parseSmiGpus(text: string): { gpus: readonly SmiGpu[]; trouble: string | null } {
  const gpus: SmiGpu[] = [];
  let trouble: string | null = null;
  for (const line of text.split("\n").map((each) => each.trim())) {
    if (line === "") continue;
    const gpu = parseSmiGpu(line);
    if (gpu) gpus.push(gpu);
    else trouble ??= line;
  }
  return { gpus, trouble };
}

function parseSmiGpu(line: string): SmiGpu | null {
  const [index, uuid = "", total = "", used = "", free = "", ...others] = line.split(", ");
  const [utilization, temperature, power, pciAddress = "", ...name] = others;
  if (!uuid.startsWith("GPU-") || parseNumber(index) === null) return null;
  const [totalBytes, usedBytes, freeBytes] = [
    parseMebibytes(total),
    parseMebibytes(used),
    parseMebibytes(free),
  ];
  const isWhole = totalBytes !== null && usedBytes !== null && freeBytes !== null;
  const unread = [total, used, free].find((field) => parseNumber(field) === null) ?? "";
  const reading: GpuReading = {
    uuid,
    index: Number(index),
    name: name.join(", "),
    vendor: "nvidia",
    memory: isWhole
      ? { totalBytes, usedBytes, freeBytes }
      : { totalBytes: totalBytes ?? 0, usedBytes: 0, freeBytes: 0 },
    utilizationPercent: parseNumber(utilization),
    temperatureCelsius: parseNumber(temperature),
    powerWatts: parseNumber(power),
    health: isWhole
      ? { ok: true }
      : { ok: false, detail: `its memory cannot be read: ${unread.replace(/^\[|\]$/g, "")}` },
    ...unknownTopology,
  };
  return { reading, pciAddress };
}

/**
 * Reads the table of `nvidia-smi topo -m`: the indices of the GPUs that each GPU reaches over NVLink, which are
 * the cells "NV" and a number of links. Cells are separated by tabs; the headings are underlined on some drivers.
 * A text that is no such table gives no links.
 */
export function parseSmiLinks(text: string): ReadonlyMap<number, readonly number[]> {
  const [head = "", ...rows] = text.split("\n").filter((line) => /\bGPU\d+/.test(line));
  const columns = head.split("\t").map(parseGpuLabel);
  const links = new Map<number, number[]>();
  for (const row of rows) {
    const [label, ...cells] = row.split("\t");
    const index = parseGpuLabel(label);
    if (index === null) continue;
    const peers = cells.flatMap((cell, at) => {
      const peer = columns[at + 1] ?? null;
      return peer !== null && /^\s*NV\d+\s*$/.test(cell) ? [peer] : [];
    });
    links.set(index, peers);
  }
  return links;
}

/** Reads `nvidia-smi -L`: the UUIDs of the boards below which MIG instances are listed. */
export function parseSmiCutBoards(text: string): ReadonlySet<string> {
  const cut = new Set<string>();
  let board: string | undefined;
  for (const line of text.split("\n")) {
    board = /^GPU \d+: .*\(UUID: (GPU-[^)]+)\)/.exec(line)?.[1] ?? board;
    if (board !== undefined && /^\s+MIG .*\(UUID: MIG-/.test(line)) cut.add(board);
  }
  return cut;
}

/** 3 for "GPU3", also with terminal codes around it; null for "NIC0" and "GPU NUMA ID". */
function parseGpuLabel(cell: string | undefined): number | null {
  const index = /GPU(\d+)/.exec(cell ?? "")?.[1];
  return index === undefined ? null : Number(index);
}

/** One line of the list of computing programs. */
export interface SmiProcess {
  readonly uuid: string;
  readonly pid: number;
  readonly vramBytes: number | null;
}

/** Reads `nvidia-smi --query-compute-apps=… --format=csv,noheader,nounits`; other lines are passed over. */
export function parseSmiProcesses(text: string): readonly SmiProcess[] {
  return text.split("\n").flatMap((line) => {
    const [uuid = "", pid, vram] = line.trim().split(", ");
    const number = parseNumber(pid);
    return uuid.startsWith("GPU-") && number !== null
      ? [{ uuid, pid: number, vramBytes: parseMebibytes(vram) }]
      : [];
  });
}

function parseMebibytes(field: string | undefined): number | null {
  const mebibytes = parseNumber(field);
  return mebibytes === null ? null : mebibytes * 2 ** 20;
}

/** Null for whatever is not a plain number: nvidia-smi writes reasons in brackets in its place. */
function parseNumber(field: string | undefined): number | null {
  return field !== undefined && /^\d+(\.\d+)?$/.test(field.trim()) ? Number(field) : null;
}
