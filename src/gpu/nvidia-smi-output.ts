import type { GpuReading } from "./probe.ts";

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
  "name",
];
export const smiProcessFields = ["gpu_uuid", "pid", "used_memory"];

/**
 * Reads `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`. A GPU whose memory is not a number ("[GPU is
 * lost]", "[Unknown Error]") is unhealthy; sensors that are not numbers ("[N/A]", "[Not Supported]") are null.
 * @returns the readings, and the first line that is none: nvidia-smi names GPUs it cannot open in such lines.
 */
export function parseSmiGpus(text: string): { readings: readonly GpuReading[]; trouble: string | null } {
  const readings: GpuReading[] = [];
  let trouble: string | null = null;
  for (const line of text.split("\n").map((each) => each.trim())) {
    if (line === "") continue;
    const reading = parseSmiGpu(line);
    if (reading) readings.push(reading);
    else trouble ??= line;
  }
  return { readings, trouble };
}

function parseSmiGpu(line: string): GpuReading | null {
  const [index, uuid = "", total = "", used = "", free = "", utilization, temperature, power, ...name] =
    line.split(", ");
  if (!uuid.startsWith("GPU-") || parseNumber(index) === null) return null;
  const [totalBytes, usedBytes, freeBytes] = [
    parseMebibytes(total),
    parseMebibytes(used),
    parseMebibytes(free),
  ];
  const isWhole = totalBytes !== null && usedBytes !== null && freeBytes !== null;
  const unread = [total, used, free].find((field) => parseNumber(field) === null) ?? "";
  return {
    uuid,
    index: Number(index),
    name: name.join(", "),
    memory: isWhole
      ? { totalBytes, usedBytes, freeBytes }
      : { totalBytes: totalBytes ?? 0, usedBytes: 0, freeBytes: 0 },
    utilizationPercent: parseNumber(utilization),
    temperatureCelsius: parseNumber(temperature),
    powerWatts: parseNumber(power),
    health: isWhole
      ? { ok: true }
      : { ok: false, detail: `its memory cannot be read: ${unread.replace(/^\[|\]$/g, "")}` },
  };
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
