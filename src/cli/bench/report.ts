import { nearestRank } from "../../std/percentile.ts";
import type { Measured, Sample } from "./drive.ts";

/** Some times in milliseconds, summed up; null when there are none. */
export interface Times {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** What a load test found out of one runtime, or of all together. */
export interface Row {
  /** Null = all of them. */
  readonly runtime: string | null;
  readonly requests: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly seconds: number;
  /** Successes, per second. */
  readonly perSecond: number;
  /** As callers saw it, of those that succeeded. */
  readonly latencyMs: Times | null;
  readonly waitMs: Times | null;
  readonly runMs: Times | null;
  /** How many each worker did. */
  readonly workers: Readonly<Record<string, number>>;
  /** What went wrong, and how often. */
  readonly errors: Readonly<Record<string, number>>;
}

/** Sums a load test up. @param runtime null = of several together */
export function rowOf(runtime: string | null, { samples, tookMs }: Measured): Row {
  const good = samples.filter(({ error }) => error === null);
  const seconds = tookMs / 1000;
  return {
    runtime,
    requests: samples.length,
    succeeded: good.length,
    failed: samples.length - good.length,
    seconds: round(seconds),
    perSecond: seconds === 0 ? 0 : round(good.length / seconds),
    latencyMs: timesOf(good.map(({ latencyMs }) => latencyMs)),
    waitMs: timesOf(spans(good, "submittedAt", "startedAt")),
    runMs: timesOf(spans(good, "startedAt", "finishedAt")),
    workers: countsOf(good.map(({ job }) => job?.worker ?? "none")),
    errors: countsOf(samples.flatMap(({ error }) => (error === null ? [] : [error]))),
  };
}

type Moment = "submittedAt" | "startedAt" | "finishedAt";

function spans(samples: readonly Sample[], from: Moment, to: Moment): number[] {
  return samples.flatMap(({ job }) => {
    const [begin, end] = [job?.[from], job?.[to]];
    return begin == null || end == null ? [] : [Math.max(0, Date.parse(end) - Date.parse(begin))];
  });
}

function timesOf(values: readonly number[]): Times | null {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  const at = (share: number): number => round(nearestRank(sorted, share));
  return { mean: round(mean), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

function countsOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of [...names].sort()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
