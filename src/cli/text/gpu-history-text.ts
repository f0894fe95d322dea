import type { OutputOf } from "../../client/client.ts";
import { formatBytes } from "../../std/bytes.ts";
import { formatDurationMs } from "../../std/duration.ts";
import { wallMsAt } from "../../std/time-zone.ts";
import { sparkline, sparks } from "./sparkline.ts";
import type { Column } from "./table.ts";

type History = OutputOf<"GET /gpus/history">;
type Gpu = History["gpus"][number];

/** A line about a GPU: its load, say, as a curve and as figures. */
export interface CurveRow {
  readonly gpu: number;
  readonly what: string;
  readonly curve: string;
  readonly least: string | null;
  readonly mean: string | null;
  readonly most: string | null;
  readonly energy: string | null;
}

/** A holder of a GPU, with the letter by which the line of holders shows it. */
export interface HolderRow {
  readonly gpu: number;
  readonly key: string;
  readonly holder: Gpu["holders"][number];
}

/** How curves are drawn: the time that a history is told at, in which zone, and whether beyond ASCII. */
export interface CurveStyle {
  readonly nowMs: number;
  readonly timeZone: string;
  readonly isUtf8: boolean;
}

/** Columns of the table that are not the curve. */
const FIGURES_WIDTH = 53;
const CURVE_LEAST = 10;
const CURVE_MOST = 240;
/** Holders that get a letter, of each GPU the newest. */
const LETTERS = "abcdefghij";
const JOULES_PER_WH = 3_600;
const DAY_MS = 86_400_000;

/** How many steps a curve can have on a line of so many columns. */
export function curveWidth(columns: number): number {
  return Math.max(CURVE_LEAST, Math.min(CURVE_MOST, columns - FIGURES_WIDTH));
}

/** The lines of all GPUs: load, memory, power and who held it. */
export function curveRows(history: History, style: CurveStyle): CurveRow[] {
  const { glyphs, gap } = style.isUtf8
    ? { glyphs: sparks.unicode, gap: "·" }
    : { glyphs: sparks.ascii, gap: "?" };
  return history.gpus.flatMap((gpu) => {
    const row = (
      what: string,
      of: Gpu["usedBytes"],
      top: number,
      show: (value: number) => string,
    ): CurveRow => ({
      gpu: gpu.index,
      what,
      curve: sparkline(of.mean, { glyphs, top, gap }),
      ...figures(of, gpu.seenMs, show),
      energy: null,
    });
    const watts = gpu.powerWatts.max.filter((value) => value !== null);
    const joules = gpu.energyJoules.filter((value) => value !== null);
    const held = { gpu: gpu.index, what: "held", curve: heldCurve(history, gpu, style, gap) };
    return [
      row("load", gpu.utilizationPercent, 100, (value) => `${Math.round(value)}%`),
      row("memory", gpu.usedBytes, gpu.totalBytes, (value) => formatBytes(Math.round(value))),
      {
        ...row("power", gpu.powerWatts, Math.max(0, ...watts), (value) => `${Math.round(value)} W`),
        energy: joules.length === 0 ? null : energyText(joules.reduce((sum, each) => sum + each, 0)),
      },
      { ...held, least: null, mean: null, most: null, energy: null },
    ];
  });
}

/** The lowest mean of a step, the mean weighed by the time seen, the highest reading. */
function figures(
  { mean, max }: Gpu["usedBytes"],
  seenMs: readonly number[],
  show: (value: number) => string,
): Pick<CurveRow, "least" | "mean" | "most"> {
  const means = mean.filter((value) => value !== null);
  const most = max.filter((value) => value !== null);
  if (means.length === 0 || most.length === 0) return { least: null, mean: null, most: null };
  const weigh = (of: (value: number) => number): number =>
    mean.reduce<number>((sum, value, at) => sum + (value === null ? 0 : of(value) * (seenMs[at] ?? 0)), 0);
  return {
    least: show(Math.min(...means)),
    mean: show(weigh((value) => value) / weigh(() => 1)),
    most: show(Math.max(...most)),
  };
}

/** "4.2 Wh", "355 Wh", "12.3 kWh" */
function energyText(joules: number): string {
  const wh = joules / JOULES_PER_WH;
  if (wh >= 1000) return `${Number((wh / 1000).toPrecision(3))} kWh`;
  return `${wh.toFixed(wh < 10 ? 1 : 0)} Wh`;
}

/** In each step the letter of who held it longest. */
function heldCurve(history: History, gpu: Gpu, { nowMs, isUtf8 }: CurveStyle, gap: string): string {
  const firstMs = Date.parse(history.since);
  const nobody = isUtf8 ? gap : ".";
  const letters = new Map(lettered(gpu).map(({ holder, key }) => [holder, key]));
  return gpu.seenMs
    .map((_, at) => {
      const fromMs = firstMs + at * history.stepMs;
      const heldMs = (holder: Gpu["holders"][number]): number =>
        Math.min(endOf(holder, nowMs), fromMs + history.stepMs) - Math.max(Date.parse(holder.from), fromMs);
      let longest: Gpu["holders"][number] | undefined;
      for (const holder of gpu.holders)
        if (heldMs(holder) > (longest === undefined ? 0 : heldMs(longest))) longest = holder;
      return longest === undefined ? nobody : (letters.get(longest) ?? "+");
    })
    .join("");
}

function lettered({ index, holders }: Gpu): HolderRow[] {
  return holders
    .slice(-LETTERS.length)
    .map((holder, at) => ({ gpu: index, key: LETTERS[at] ?? "+", holder }));
}

function endOf({ to }: Gpu["holders"][number], nowMs: number): number {
  return to === null ? nowMs : Date.parse(to);
}

/** Columns of the curves; the time that they span is the heading. */
export function curveColumns(
  { since, until }: History,
  { timeZone }: CurveStyle,
): readonly Column<CurveRow>[] {
  const title = spanText(wallTime(since, timeZone), wallTime(until, timeZone));
  return [
    { title: "GPU", value: ({ gpu }) => gpu, align: "right", rank: 9 },
    { title: "WHAT", value: ({ what }) => what, rank: 8 },
    { title, name: "curve", value: ({ curve }) => curve, colour: () => "cyan", shrinks: true, rank: 7 },
    { title: "MIN", value: ({ least }) => least, align: "right", rank: 3 },
    { title: "MEAN", value: ({ mean }) => mean, align: "right", rank: 6 },
    { title: "MAX", value: ({ most }) => most, align: "right", rank: 5 },
    { title: "ENERGY", value: ({ energy }) => energy, align: "right", rank: 2 },
  ];
}

/** The newest holders of each GPU. */
export function holderRows({ gpus }: History): HolderRow[] {
  return gpus.flatMap(lettered);
}

/** How many there were that `holderRows` leaves out. */
export function countUnlisted({ holders }: Gpu): number {
  return Math.max(0, holders.length - LETTERS.length);
}

/** Columns of the holders. */
export function holderColumns({ nowMs, timeZone }: CurveStyle): readonly Column<HolderRow>[] {
  return [
    { title: "GPU", value: ({ gpu }) => gpu, align: "right", rank: 9 },
    { title: "HELD", value: ({ key }) => key, rank: 8 },
    { title: "BY", value: ({ holder }) => holder.worker, shrinks: true, rank: 7 },
    { title: "RUNTIME", value: ({ holder }) => holder.runtime, shrinks: true, rank: 1 },
    { title: "MODE", value: ({ holder }) => holder.mode, rank: 2 },
    { title: "FROM", value: ({ holder }) => wallTime(holder.from, timeZone), rank: 6 },
    { title: "TO", value: ({ holder }) => holder.to && wallTime(holder.to, timeZone), rank: 3 },
    {
      title: "FOR",
      value: ({ holder }) => formatDurationMs(Math.max(0, endOf(holder, nowMs) - Date.parse(holder.from))),
      align: "right",
      rank: 5,
    },
  ];
}

/** Not longer than a curve of 80 columns: times of one day, days and times, or days. */
function spanText(from: string, to: string): string {
  if (from.slice(0, 10) === to.slice(0, 10)) return `${from.slice(11)} to ${to.slice(11)}`;
  const isLong = Date.parse(to.slice(0, 10)) - Date.parse(from.slice(0, 10)) > 2 * DAY_MS;
  return isLong ? `${from.slice(0, 10)} to ${to.slice(0, 10)}` : `${from.slice(5)} to ${to.slice(5)}`;
}

/** "2026-12-01 09:00", on the clocks of a zone. */
function wallTime(timestamp: string, timeZone: string): string {
  return new Date(wallMsAt(timeZone, Date.parse(timestamp))).toISOString().slice(0, 16).replace("T", " ");
}
