import { formatDurationMs } from "../std/duration.ts";
import { escapeMarkup } from "../std/escape-markup.ts";
import { px } from "./markup.ts";
import type { ModelColour } from "./model-colours.ts";
import type { Replay, Residency } from "./replay.ts";

const WIDTH = 1100;
const LEFT = 64;
const TOP = 22;
const ROW_GAP = 5;
const MOST_ROWS = 14;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Lengths a row may have, and how many ticks divide it evenly. */
const SPANS = [
  [MINUTE_MS, 6],
  [5 * MINUTE_MS, 5],
  [10 * MINUTE_MS, 5],
  [30 * MINUTE_MS, 6],
  [HOUR_MS, 6],
  [3 * HOUR_MS, 6],
  [6 * HOUR_MS, 6],
  [12 * HOUR_MS, 6],
  [DAY_MS, 8],
  [2 * DAY_MS, 8],
  [7 * DAY_MS, 7],
  [30 * DAY_MS, 6],
  [365 * DAY_MS, 12],
] as const;

/** Where things are drawn: time runs to the right and is wrapped into rows like the lines of a page. */
interface Layout {
  readonly startMs: number;
  readonly spanMs: number;
  readonly ticks: number;
  readonly rows: number;
  readonly laneHeight: number;
  readonly rowHeight: number;
}

interface Placed {
  readonly residency: Residency;
  /** Those that share a GPU at a time lie under each other. */
  readonly lane: number;
}

/** Which model was resident on one GPU at which time, as SVG. */
export function residencyChart(replay: Replay, gpu: number, colours: readonly ModelColour[]): string {
  const placed = placeInLanes(replay.residencies.filter(({ gpus }) => gpus.includes(gpu)));
  const lanes = Math.max(1, ...placed.map(({ lane }) => lane + 1));
  const layout = layOut(replay, lanes);
  const height = TOP + layout.rows * (layout.rowHeight + ROW_GAP);
  return [
    `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Models resident on GPU ${gpu} over time">`,
    ...drawAxis(layout),
    ...drawRows(layout, replay.endMs),
    ...drawModels(layout, placed, colours),
    "</svg>",
  ].join("\n");
}

function layOut({ startMs, endMs }: Replay, lanes: number): Layout {
  const totalMs = Math.max(1, endMs - startMs);
  const fitting = SPANS.find(([spanMs]) => Math.ceil(totalMs / spanMs) <= MOST_ROWS);
  const [spanMs, ticks] = fitting ?? [Math.ceil(totalMs / MOST_ROWS), 4];
  const laneHeight = Math.max(5, Math.round(20 / lanes));
  const rows = Math.ceil(totalMs / spanMs);
  return { startMs, spanMs, ticks, rows, laneHeight, rowHeight: laneHeight * lanes };
}

/** Puts each residency into the first lane that is free again. */
function placeInLanes(residencies: readonly Residency[]): Placed[] {
  const freeFromMs: number[] = [];
  return residencies.map((residency) => {
    let lane = freeFromMs.findIndex((freeMs) => freeMs <= residency.grantedMs);
    if (lane < 0) lane = freeFromMs.length;
    freeFromMs[lane] = residency.goneMs;
    return { residency, lane };
  });
}

function drawAxis({ spanMs, ticks, rows, rowHeight }: Layout): string[] {
  const bottom = TOP + rows * (rowHeight + ROW_GAP) - ROW_GAP;
  return Array.from({ length: ticks + 1 }, (_, index) => {
    const at = px(LEFT + ((WIDTH - LEFT - 1) * index) / ticks);
    const anchor = index === ticks ? "end" : "middle";
    const label = index === 0 ? "" : `+${formatShort((spanMs * index) / ticks)}`;
    return (
      `<line class="grid" x1="${at}" x2="${at}" y1="${TOP - 4}" y2="${bottom}"/>` +
      `<text class="tick" x="${at}" y="${TOP - 9}" text-anchor="${anchor}">${label}</text>`
    );
  });
}

function drawRows(layout: Layout, endMs: number): string[] {
  return Array.from({ length: layout.rows }, (_, row) => {
    const top = rowTop(layout, row);
    const lastMs = Math.min(layout.spanMs, endMs - layout.startMs - row * layout.spanMs);
    const width = px(xOf(layout, lastMs) - LEFT);
    const label = row === 0 ? "start" : formatShort(row * layout.spanMs);
    const middle = px(top + layout.rowHeight / 2 + 4);
    return (
      `<rect class="idle" x="${LEFT}" y="${px(top)}" width="${width}" height="${layout.rowHeight}"/>` +
      `<text class="tick" x="${LEFT - 8}" y="${middle}" text-anchor="end">${label}</text>`
    );
  });
}

/** One path per model, so that ten thousand residencies are a dozen elements; switches lie over them. */
function drawModels(layout: Layout, placed: readonly Placed[], colours: readonly ModelColour[]): string[] {
  const colourOf = new Map(colours.map((entry) => [entry.model, entry.colour]));
  const paths = new Map<string, { path: string; count: number; heldMs: number }>();
  let switching = "";
  for (const { residency, lane } of placed) {
    const { model, grantedMs, readyMs, stopMs, goneMs } = residency;
    const key = colourOf.has(model) ? model : "";
    const entry = paths.get(key) ?? { path: "", count: 0, heldMs: 0 };
    entry.path += boxes(layout, lane, grantedMs, goneMs);
    entry.count += 1;
    entry.heldMs += goneMs - grantedMs;
    paths.set(key, entry);
    switching += boxes(layout, lane, grantedMs, Math.min(readyMs ?? goneMs, stopMs ?? goneMs));
    if (stopMs !== null) switching += boxes(layout, lane, stopMs, goneMs);
  }
  const drawn = [...paths].map(([model, { path, count, heldMs }]) => {
    const text = `${model === "" ? "other models" : model}: ${count} times, ${formatDurationMs(heldMs)} in all`;
    const fill = colourOf.get(model);
    const look = fill === undefined ? 'class="other"' : `fill="${fill}"`;
    return `<path ${look} d="${path}"><title>${escapeMarkup(text)}</title></path>`;
  });
  return [...drawn, `<path class="switching" d="${switching}"/>`];
}

/** The rectangles of a time, one for each row that it reaches into. */
function boxes(layout: Layout, lane: number, fromMs: number, toMs: number): string {
  const { startMs, spanMs, laneHeight } = layout;
  let path = "";
  for (let atMs = fromMs - startMs; atMs < toMs - startMs; ) {
    const row = Math.floor(atMs / spanMs);
    const untilMs = Math.min(toMs - startMs, (row + 1) * spanMs);
    const x = xOf(layout, atMs - row * spanMs);
    const width = xOf(layout, untilMs - row * spanMs) - x;
    const top = rowTop(layout, row) + lane * laneHeight;
    if (width >= 0.05) path += `M${px(x)} ${px(top)}h${px(width)}v${laneHeight}h${px(-width)}z`;
    atMs = untilMs;
  }
  return path;
}

function xOf({ spanMs }: Layout, ms: number): number {
  return LEFT + ((WIDTH - LEFT - 1) * ms) / spanMs;
}

function rowTop({ rowHeight }: Layout, row: number): number {
  return TOP + row * (rowHeight + ROW_GAP);
}

/** "90 s", "40 min", "6 h", "3 d": the largest unit that gives a short number. */
function formatShort(ms: number): string {
  const [unitMs, unit] =
    ms < 2 * MINUTE_MS
      ? [1_000, "s"]
      : ms < 2 * HOUR_MS
        ? [MINUTE_MS, "min"]
        : ms < 2 * DAY_MS && ms % DAY_MS !== 0
          ? [HOUR_MS, "h"]
          : [DAY_MS, "d"];
  return `${Math.round((ms / unitMs) * 10) / 10} ${unit}`;
}
