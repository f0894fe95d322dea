import type { GpuView, WorkerView } from "../../protocol/views.ts";
import type { PaneColumn } from "../text/columns.ts";
import { plain } from "../text/foreign-text.ts";
import type { Look } from "../text/look.ts";
import { shortBytes, shortSpan } from "../text/span.ts";
import { workerRole } from "./gpus.ts";

export interface WorkerContext {
  readonly look: Look;
  readonly gpus: readonly GpuView[];
  readonly nowMs: number;
}

/** Columns of the pane of workers. */
export function workerColumns({ look, gpus, nowMs }: WorkerContext): readonly PaneColumn<WorkerView>[] {
  return [
    { title: "WORKER", width: 12, grow: 1, text: ({ name }) => plain(name), by: ({ name }) => name },
    {
      title: "RUNTIME",
      most: 14,
      drop: 5,
      text: ({ runtime }) => plain(runtime),
      by: ({ runtime }) => runtime,
    },
    {
      title: "STATE",
      width: 8,
      text: ({ state }) => (state === "falling-asleep" ? "sleeping" : state),
      role: ({ state }) => workerRole(state),
      by: ({ state }) => state,
    },
    {
      title: "GPU",
      width: 5,
      text: (worker) => gpuIndices(worker.gpus, gpus) || "-",
      by: (worker) => gpuIndices(worker.gpus, gpus),
    },
    {
      title: "VRAM",
      width: 5,
      align: "right",
      drop: 2,
      text: (worker) => reservedText(worker),
      role: () => "reserved",
      by: ({ vramBytes }) => vramBytes ?? Number.MAX_SAFE_INTEGER,
    },
    {
      title: "USED",
      width: 5,
      align: "right",
      drop: 3,
      text: (worker) => usedText(worker, gpus),
      role: () => "ours",
      by: (worker) => usedBytes(worker, gpus) ?? -1,
    },
    {
      title: "SLOTS",
      width: 5,
      align: "right",
      text: ({ jobs, slots }) => `${jobs.length}/${slots}`,
      by: ({ jobs }) => jobs.length,
    },
    {
      title: "KEPT",
      width: 6,
      align: "right",
      text: (worker) => keptText(worker, nowMs),
      role: ({ pinned, keptUntil }) =>
        pinned ? "accent" : keptUntil !== null && Date.parse(keptUntil) - nowMs < 30_000 ? "warn" : "dim",
      by: ({ keptUntil }) => (keptUntil === null ? Number.MAX_SAFE_INTEGER : Date.parse(keptUntil)),
    },
    {
      title: "DOING",
      width: 12,
      grow: 3,
      text: (worker) => doing(worker, nowMs, look),
      role: ({ state }) => (isSwitching(state) ? "warn" : "dim"),
    },
  ];
}

function isSwitching(state: WorkerView["state"]): boolean {
  return !["ready", "busy", "asleep", "gone", "failed"].includes(state);
}

/** What it does; of one that starts or goes its phase, and for how long it has been in it. */
function doing({ state, detail, since }: WorkerView, nowMs: number, look: Look): string {
  const text = plain(detail);
  if (!isSwitching(state)) return text;
  return `${shortSpan(nowMs - Date.parse(since))} ${look.glyphs.dot} ${text}`;
}

function keptText({ pinned, keptUntil }: WorkerView, nowMs: number): string {
  if (pinned) return "pinned";
  return keptUntil === null ? "-" : shortSpan(Date.parse(keptUntil) - nowMs);
}

function reservedText({ vramBytes, mode }: WorkerView): string {
  if (mode === "none") return "-";
  return vramBytes === null ? "all" : shortBytes(vramBytes);
}

/** What the worker holds on all its GPUs, in bytes; null where the driver does not tell. */
function usedBytes(worker: WorkerView, gpus: readonly GpuView[]): number | null {
  const held = gpus.flatMap((gpu) => gpu.leases.filter((lease) => lease.worker === worker.name));
  const known = held.flatMap(({ usedBytes: bytes }) => (bytes === null ? [] : [bytes]));
  return known.length === 0 ? null : known.reduce((sum, bytes) => sum + bytes, 0);
}

function usedText(worker: WorkerView, gpus: readonly GpuView[]): string {
  const bytes = usedBytes(worker, gpus);
  return bytes === null ? "-" : shortBytes(bytes);
}

/** "0,1" of GPUs by their UUIDs; one that is not there any more shows as "?". */
export function gpuIndices(uuids: readonly string[], gpus: readonly GpuView[]): string {
  return uuids
    .map((uuid) => gpus.find((gpu) => gpu.uuid === uuid)?.index)
    .sort((left, right) => (left ?? 0) - (right ?? 0))
    .map((index) => (index === undefined ? "?" : String(index)))
    .join(",");
}
