import { formatDurationMs } from "../../std/duration.ts";

const CELLS = 20;

/** "[########------------]  40%" */
export function bar(fraction: number): string {
  const share = Math.min(1, Math.max(0, fraction));
  const full = Math.round(share * CELLS);
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `[${"#".repeat(full)}${"-".repeat(CELLS - full)}] ${percent}%`;
}

/** How fast something gets on. */
export interface Rate {
  /** @param text may count steps, as in "step 12/30" @param atMs of the monotonic clock */
  note(fraction: number, text: string | null, atMs: number): void;
  /** ", 1.4/s, 13 s left", as much of it as is known. */
  text(): string;
}

interface Point {
  readonly atMs: number;
  readonly fraction: number;
  /** How many steps are done, if they are counted. */
  readonly done: number | null;
}

/** So far back is looked: what was slow at first does not count for ever. */
const WINDOW_MS = 30_000;
/** A shorter time says nothing about the rest. */
const MIN_SPAN_MS = 500;

/** Measures over the last half minute. */
export function createRate(): Rate {
  let points: Point[] = [];
  return {
    note(fraction, text, atMs) {
      const last = points.at(-1);
      if (last !== undefined && fraction < last.fraction) points = [];
      points.push({ atMs, fraction, done: stepsIn(text) });
      while (points.length > 2 && (points[0]?.atMs ?? 0) < atMs - WINDOW_MS) points.shift();
    },
    text() {
      const [first] = points;
      const last = points.at(-1);
      if (first === undefined || last === undefined || last.atMs - first.atMs < MIN_SPAN_MS) return "";
      const spanMs = last.atMs - first.atMs;
      const gained = last.fraction - first.fraction;
      if (gained <= 0) return "";
      const leftMs = ((1 - last.fraction) / gained) * spanMs;
      return `${speedText(first, last, spanMs)}, ${formatDurationMs(leftMs)} left`;
    },
  };
}

function speedText(first: Point, last: Point, spanMs: number): string {
  if (first.done === null || last.done === null || last.done <= first.done) return "";
  const perSecond = ((last.done - first.done) / spanMs) * 1000;
  if (perSecond >= 1) return `, ${perSecond.toFixed(1)}/s`;
  return `, ${formatDurationMs(1000 / perSecond)} each`;
}

function stepsIn(text: string | null): number | null {
  const match = /(\d+) ?(?:\/|of) ?(\d+)/.exec(text ?? "");
  return match === null ? null : Number(match[1]);
}
