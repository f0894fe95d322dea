import type { GpuView, WorkerView } from "../../protocol/views.ts";
import { drawBar, drawSpark } from "../text/bar.ts";
import type { PaneColumn } from "../text/columns.ts";
import { plain } from "../text/foreign-text.ts";
import { type Look, paintedWidth, type Role } from "../text/look.ts";
import { shortBytes } from "../text/span.ts";

export interface GpuContext {
  readonly look: Look;
  readonly workers: readonly WorkerView[];
  readonly loads: ReadonlyMap<string, readonly (number | null)[]>;
}

/** From which load and heat on it is shown as much, and as too much. Heat: where NVIDIA's boards begin to slow down. */
const LOAD = { warn: 75, bad: 95 };
const HEAT = { warn: 75, bad: 87 };

/** What the memory of a GPU goes to, in bytes: `reserved` is what leases hold beyond what is used of them. */
export function memoryParts({ memory }: Pick<GpuView, "memory">): {
  ours: number;
  foreign: number;
  reserved: number;
  free: number;
} {
  const { totalBytes, usedBytes, reservedBytes, foreignBytes } = memory;
  const foreign = Math.min(foreignBytes, totalBytes);
  const ours = Math.max(0, Math.min(usedBytes, totalBytes) - foreign);
  const reserved = Math.max(0, Math.min(reservedBytes - ours, totalBytes - foreign - ours));
  return { ours, foreign, reserved, free: Math.max(0, totalBytes - foreign - ours - reserved) };
}

/** Columns of the pane of GPUs. */
export function gpuColumns(context: GpuContext): readonly PaneColumn<GpuView>[] {
  const { look, workers } = context;
  return [
    ...loadColumns(context),
    ...memoryColumns(look),
    ...sensorColumns(look),
    {
      title: "HELD BY",
      width: 12,
      grow: 1,
      draw: (gpu, columns) => holders(look, gpu, workers, columns),
    },
  ];
}

function loadColumns({ look, loads }: GpuContext): readonly PaneColumn<GpuView>[] {
  return [
    {
      title: "#",
      width: 2,
      align: "right",
      text: (gpu) => String(gpu.index),
      role: healthRole,
      by: (gpu) => gpu.index,
    },
    { title: "NAME", most: 24, drop: 5, text: (gpu) => shortName(gpu.name), role: healthRole },
    {
      title: "UTIL",
      width: 4,
      align: "right",
      text: ({ utilizationPercent: load }) => (load === null ? "-" : `${Math.round(load)}%`),
      role: ({ utilizationPercent: load }) => level(load, LOAD),
      by: (gpu) => gpu.utilizationPercent ?? -1,
    },
    {
      title: "LOAD",
      width: 8,
      grow: 1,
      drop: 4,
      draw: (gpu, columns) => look.paint("accent", drawSpark(look, loads.get(gpu.uuid) ?? [], columns)),
    },
  ];
}

function memoryColumns(look: Look): readonly PaneColumn<GpuView>[] {
  return [
    { title: "VRAM", width: 10, grow: 2, draw: (gpu, columns) => memoryBar(look, gpu, columns) },
    {
      title: "USED/TOTAL",
      width: 11,
      align: "right",
      text: ({ memory }) => `${shortBytes(memory.usedBytes)}/${shortBytes(memory.totalBytes)}`,
      by: (gpu) => gpu.memory.usedBytes,
    },
    {
      title: "RSVD",
      width: 5,
      align: "right",
      drop: 6,
      text: ({ memory }) => (memory.reservedBytes === 0 ? "-" : shortBytes(memory.reservedBytes)),
      role: () => "reserved",
      by: (gpu) => gpu.memory.reservedBytes,
    },
    {
      title: "FOREIGN",
      width: 7,
      align: "right",
      drop: 7,
      text: ({ memory }) => (memory.foreignBytes === 0 ? "-" : shortBytes(memory.foreignBytes)),
      role: () => "foreign",
      by: (gpu) => gpu.memory.foreignBytes,
    },
  ];
}

function sensorColumns(look: Look): readonly PaneColumn<GpuView>[] {
  return [
    {
      title: "TEMP",
      width: 4,
      align: "right",
      drop: 2,
      text: ({ temperatureCelsius: heat }) =>
        heat === null ? "-" : `${Math.round(heat)}${look.glyphs.degree}`,
      role: ({ temperatureCelsius: heat }) => (heat === null ? "dim" : level(heat, HEAT)),
      by: (gpu) => gpu.temperatureCelsius ?? -1,
    },
    {
      title: "POWER",
      width: 5,
      align: "right",
      drop: 3,
      text: ({ powerWatts }) => (powerWatts === null ? "-" : `${Math.round(powerWatts)}W`),
      role: ({ powerWatts }) => (powerWatts === null ? "dim" : "plain"),
      by: (gpu) => gpu.powerWatts ?? -1,
    },
  ];
}

function memoryBar(look: Look, gpu: GpuView, columns: number): string {
  const { ours, foreign, reserved } = memoryParts(gpu);
  const { glyphs } = look;
  return drawBar(
    look,
    [
      { value: ours, role: "ours", glyph: glyphs.used },
      { value: foreign, role: "foreign", glyph: glyphs.foreign },
      { value: reserved, role: "reserved", glyph: glyphs.reserved },
    ],
    gpu.memory.totalBytes,
    columns,
  );
}

/** Who is on the GPU; during a switch who goes and who comes. What is wrong with it comes first. */
function holders(look: Look, gpu: GpuView, workers: readonly WorkerView[], columns: number): string {
  const trouble = troubleOf(gpu);
  if (trouble !== null) return look.paint("bad", look.fit(trouble, columns));
  const names = gpu.leases.map(({ worker }) => {
    const view = workers.find(({ name }) => name === worker);
    const arrow = view?.state === "starting" || view?.state === "waking" ? look.glyphs.arrow : "";
    return {
      text: `${arrow}${worker}`,
      role: view === undefined ? ("plain" as const) : workerRole(view.state),
    };
  });
  if (names.length === 0) {
    const own = gpu.memory.foreignBytes > 0 ? foreignText(gpu) : "free";
    return look.paint(gpu.memory.foreignBytes > 0 ? "foreign" : "dim", look.fit(own, columns));
  }
  let line = "";
  let left = columns;
  for (const [index, { text, role }] of names.entries()) {
    const gap = index === 0 ? "" : " ";
    const more = names.length - index - 1;
    const room = left - gap.length - (more > 0 ? 3 + String(more).length : 0);
    if (room < Math.min(4, text.length) && index > 0) {
      line += look.paint("dim", look.cut(` +${names.length - index}`, left));
      break;
    }
    const shown = look.cut(text, Math.max(room, Math.min(left - gap.length, 4)));
    line += gap + look.paint(role, shown);
    left = columns - paintedWidth(line);
  }
  return line + " ".repeat(Math.max(0, columns - paintedWidth(line)));
}

function troubleOf({ healthy, quarantine, detail }: GpuView): string | null {
  if (quarantine !== null) return `quarantine: ${plain(quarantine.text)}`;
  return healthy ? null : plain(detail ?? "not usable");
}

function foreignText(gpu: GpuView): string {
  const strangers = gpu.processes.filter(({ worker }) => worker === null);
  const names = strangers.map(({ name, user }) => plain([name ?? "?", user].filter(Boolean).join(" of ")));
  return names.length === 0 ? "programs that the driver does not name" : names.join(", ");
}

function healthRole({ healthy }: GpuView): Role {
  return healthy ? "bold" : "bad";
}

function level(value: number | null, limits: { warn: number; bad: number }): Role {
  if (value === null) return "dim";
  if (value >= limits.bad) return "bad";
  return value >= limits.warn ? "warn" : "good";
}

function shortName(name: string): string {
  return plain(name).replace(/^(NVIDIA|AMD)\s+(GeForce\s+|Instinct\s+)?/i, "");
}

/** The colour of a worker's state. */
export function workerRole(state: WorkerView["state"]): Role {
  if (state === "busy") return "good";
  if (state === "ready") return "accent";
  if (state === "failed") return "bad";
  return state === "asleep" || state === "gone" ? "dim" : "warn";
}
