import type { ResidencyView } from "../../protocol/residency-view.ts";
import type { ReservationView } from "../../protocol/timetable.ts";

/** A worker's time on a GPU, as it is drawn: shares of the time that is shown, 0 to 1. */
export interface Span {
  readonly worker: string;
  readonly runtime: string;
  readonly mode: "exclusive" | "shared" | "residue";
  readonly vramBytes: number;
  readonly fromMs: number;
  /** Null = it still holds it. */
  readonly toMs: number | null;
  readonly left: number;
  readonly width: number;
  /** How much of it went into the start of the worker, 0 to 1. */
  readonly startShare: number;
  /** Which line of the GPU's row: workers that share a GPU lie below each other. */
  readonly line: number;
}

/** What is drawn of one GPU. */
export interface ResidencyRow {
  readonly gpu: number;
  readonly uuid: string;
  readonly lines: number;
  readonly spans: readonly Span[];
}

type Lease = ResidencyView["leases"][number];

/**
 * Which worker held which GPU when, as it is drawn.
 * @param time the span that is shown; leases that go on end now, or with it
 */
export function residencyRows(
  gpus: readonly Pick<ResidencyView, "index" | "uuid" | "leases">[],
  time: { readonly fromMs: number; readonly toMs: number; readonly nowMs?: number },
): ResidencyRow[] {
  return gpus.map(({ index, uuid, leases }) => {
    const ends: number[] = [];
    const spans = leases.flatMap((lease) => {
      const fromMs = Date.parse(lease.from);
      const toMs = lease.to === null ? null : Date.parse(lease.to);
      const endMs = Math.min(toMs ?? time.nowMs ?? time.toMs, time.toMs);
      const beginMs = Math.max(fromMs, time.fromMs);
      if (endMs < time.fromMs || beginMs > time.toMs) return [];
      const free = ends.findIndex((end) => end <= fromMs);
      const line = free < 0 ? ends.length : free;
      ends[line] = toMs ?? Number.POSITIVE_INFINITY;
      const lengthMs = time.toMs - time.fromMs;
      const startMs = Math.max(0, Math.min(startEndOf(lease, endMs), endMs) - beginMs);
      return {
        ...{ worker: lease.worker, runtime: lease.runtime, mode: lease.mode, vramBytes: lease.vramBytes },
        ...{ fromMs, toMs, line },
        left: (beginMs - time.fromMs) / lengthMs,
        width: Math.max(0, endMs - beginMs) / lengthMs,
        startShare: endMs <= beginMs ? 0 : startMs / (endMs - beginMs),
      };
    });
    return { gpu: index, uuid, lines: Math.max(1, ends.length), spans };
  });
}

/** When the worker's start was over; long ago for a program that runs once, which has none. */
function startEndOf({ phases }: Lease, endMs: number): number {
  const start = phases.find(({ phase }) => phase === "start");
  if (start === undefined) return Number.NEGATIVE_INFINITY;
  return start.to === null ? endMs : Date.parse(start.to);
}

/** A GPU's time that is kept for somebody, as it is drawn. */
export interface ReservedSpan {
  readonly id: number;
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly left: number;
  readonly width: number;
}

/** The part of a reservation that drawing it needs. */
type Reserved = Pick<ReservationView, "id" | "name" | "start" | "end" | "gpus">;

/** When a GPU is kept for somebody, within the time that is shown. */
export function reservedSpans(
  reservations: readonly Reserved[],
  gpu: string,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): ReservedSpan[] {
  return reservations.flatMap(({ id, name, start, end, gpus }) => {
    const [startMs, endMs] = [Date.parse(start), Date.parse(end)];
    if (!gpus.some(({ uuid }) => uuid === gpu) || endMs <= fromMs || startMs >= toMs) return [];
    const left = (Math.max(startMs, fromMs) - fromMs) / (toMs - fromMs);
    const width = (Math.min(endMs, toMs) - fromMs) / (toMs - fromMs) - left;
    return { ...{ id, name, left, width }, fromMs: startMs, toMs: endMs };
  });
}

/**
 * How far ahead a timeline has to look so that it shows reservations that come, of which it shows at most half as much as of
 * the past. Milliseconds; 0 = none is near.
 */
export function aheadMs(reservations: readonly Reserved[], nowMs: number, pastMs: number): number {
  const most = pastMs / 2;
  const near = reservations.filter(
    ({ start, end }) => Date.parse(start) < nowMs + most && Date.parse(end) > nowMs,
  );
  const last = Math.max(0, ...near.map(({ end }) => (Date.parse(end) - nowMs) * 1.05));
  return Math.min(most, last);
}

/** Steps of a time axis, in milliseconds. */
const STEPS_MS = [5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800].map(
  (s) => s * 1000,
);

/** Round moments of the axis, on the clock of a place that is `offsetMs` ahead of UTC; at most about `most` of them. */
export function timeTicks(fromMs: number, toMs: number, most: number, offsetMs: number): number[] {
  const stepMs = STEPS_MS.find((step) => (toMs - fromMs) / step <= most) ?? 7 * 86_400_000;
  const first = Math.ceil((fromMs + offsetMs) / stepMs) * stepMs - offsetMs;
  const ticks: number[] = [];
  for (let at = first; at <= toMs; at += stepMs) ticks.push(at);
  return ticks;
}

/** Which of `count` colours each runtime gets: by their names in order, so that it stays as long as they do. */
export function colourOf(runtimes: readonly string[], count: number): ReadonlyMap<string, number> {
  return new Map([...new Set(runtimes)].toSorted().map((name, index) => [name, index % count]));
}
