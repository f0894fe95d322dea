import type { GpuView } from "../../protocol/views.ts";
import { formatBytes } from "../../std/bytes.ts";
import { formatDurationMs } from "../../std/duration.ts";
import type { FieldsOf } from "../../std/filter/fields.ts";
import type { Column } from "./table.ts";

/** Columns of a list of GPUs. */
export const gpuColumns: readonly Column<GpuView>[] = [
  { title: "GPU", value: (gpu) => gpu.index, align: "right", rank: 9 },
  { title: "NAME", value: (gpu) => gpu.name, shrinks: true, rank: 3 },
  {
    title: "MEMORY",
    value: (gpu) => `${formatBytes(gpu.memory.usedBytes)} / ${formatBytes(gpu.memory.totalBytes)}`,
    align: "right",
    rank: 8,
  },
  { title: "RESERVED", value: (gpu) => formatBytes(gpu.memory.reservedBytes), align: "right", rank: 2 },
  { title: "FOREIGN", value: (gpu) => formatBytes(gpu.memory.foreignBytes), align: "right", rank: 4 },
  { title: "UTIL", value: (gpu) => withUnit(gpu.utilizationPercent, "%"), align: "right", rank: 5 },
  { title: "TEMP", value: (gpu) => withUnit(gpu.temperatureCelsius, " C"), align: "right" },
  { title: "POWER", value: (gpu) => withUnit(gpu.powerWatts, " W"), align: "right" },
  { title: "HELD BY", value: (gpu) => gpu.leases.map(leaseText).join(", ") || null, shrinks: true, rank: 6 },
  {
    title: "HEALTH",
    value: healthText,
    colour: (gpu) => (gpu.healthy ? undefined : "red"),
    shrinks: true,
    rank: 7,
  },
];

function healthText({ healthy, quarantine, detail }: GpuView): string {
  if (quarantine !== null) return `quarantine (${quarantine.code})`;
  return healthy ? "ok" : (detail ?? "not usable");
}

/** What GPUs are filtered and sorted by. */
export const gpuFields: FieldsOf<GpuView> = {
  index: "number",
  uuid: "text",
  name: "text",
  vendor: ["nvidia", "amd"],
  parent: "text",
  healthy: "flag",
  detail: "text",
  "quarantine.code": ["lost", "reset-required", "xid", "memory", "stuck"],
  "quarantine.text": "text",
  "quarantine.since": "time",
  "memory.totalBytes": "bytes",
  "memory.usedBytes": "bytes",
  "memory.freeBytes": "bytes",
  "memory.reservedBytes": "bytes",
  "memory.foreignBytes": "bytes",
  utilizationPercent: "number",
  temperatureCelsius: "number",
  powerWatts: "number",
  numaNode: "number",
  nvlinkPeers: "text",
  "leases.worker": "text",
  "leases.mode": ["exclusive", "shared", "residue"],
  "leases.vramBytes": "bytes",
  "leases.usedBytes": "bytes",
  "leases.fence": "number",
  "processes.pid": "number",
  "processes.name": "text",
  "processes.user": "text",
  "processes.startedAt": "time",
  "processes.vramBytes": "bytes",
  "processes.worker": "text",
  "processes.unknown": ["hidden", "elsewhere"],
};

/** A process on a GPU, with the GPU's index. */
export type ProcessRow = GpuView["processes"][number] & { readonly gpu: number };

/** The processes on all GPUs, the largest of each GPU first. */
export function processRows(gpus: readonly GpuView[]): ProcessRow[] {
  return gpus.flatMap((gpu) =>
    gpu.processes
      .toSorted((left, right) => (right.vramBytes ?? 0) - (left.vramBytes ?? 0))
      .map((process) => ({ ...process, gpu: gpu.index })),
  );
}

/** Columns of a list of processes. Ages count up to `nowMs`. */
export function processColumns(nowMs: number): readonly Column<ProcessRow>[] {
  return [
    { title: "GPU", value: (row) => row.gpu, align: "right" },
    { title: "PID", value: (row) => row.pid, align: "right" },
    { title: "USER", value: (row) => row.user },
    {
      title: "VRAM",
      value: (row) => (row.vramBytes === null ? null : formatBytes(row.vramBytes)),
      align: "right",
    },
    {
      title: "AGE",
      value: (row) => (row.startedAt === null ? null : age(row.startedAt, nowMs)),
      align: "right",
    },
    { title: "WORKER", value: (row) => row.worker ?? "(foreign)" },
    { title: "PROGRAM", value: (row) => row.name ?? (row.unknown === null ? null : whyUnknown[row.unknown]) },
  ];
}

/** Which boards the instances among these GPUs are parts of. */
export function instanceColumns(): readonly Column<GpuView>[] {
  return [
    { title: "GPU", value: (gpu) => gpu.index, align: "right" },
    { title: "INSTANCE", value: (gpu) => gpu.uuid },
    { title: "OF BOARD", value: (gpu) => gpu.parent },
  ];
}

/** Whether it matters which GPUs are taken together: some are linked, or they hang on different NUMA nodes. */
export function hasTopology(gpus: readonly GpuView[]): boolean {
  const nodes = new Set(gpus.flatMap((gpu) => gpu.numaNode ?? []));
  return nodes.size > 1 || gpus.some((gpu) => gpu.nvlinkPeers.length > 0);
}

/** Columns of how these GPUs are connected: the NUMA node, and the indices of those reached over NVLink. */
export function topologyColumns(gpus: readonly GpuView[]): readonly Column<GpuView>[] {
  const indexOf = new Map(gpus.map((gpu) => [gpu.uuid, gpu.index]));
  const peers = (gpu: GpuView): string =>
    gpu.nvlinkPeers
      .flatMap((uuid) => indexOf.get(uuid) ?? [])
      .sort((left, right) => left - right)
      .join(",");
  return [
    { title: "GPU", value: (gpu) => gpu.index, align: "right" },
    { title: "NUMA", value: (gpu) => gpu.numaNode, align: "right" },
    { title: "NVLINK", value: (gpu) => peers(gpu) || null },
  ];
}

const whyUnknown = {
  hidden: "(another user's, hidden)",
  elsewhere: "(not to be seen from here)",
} as const;

function leaseText({ worker, mode, usedBytes }: GpuView["leases"][number]): string {
  return `${worker} (${mode}${usedBytes === null ? "" : `, uses ${formatBytes(usedBytes)}`})`;
}

function age(startedAt: string, nowMs: number): string {
  return formatDurationMs(Math.max(0, nowMs - Date.parse(startedAt)));
}

function withUnit(value: number | null, unit: string): string | null {
  return value === null ? null : `${Math.round(value)}${unit}`;
}
