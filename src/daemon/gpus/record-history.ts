import type { Logger } from "pino";
import type { Config } from "../../config/config.ts";
import type { GpuSample, SampledGpu } from "../../gpu/sample.ts";
import type { State } from "../../scheduler/model.ts";
import { toFailure } from "../../std/failure.ts";
import type { Database } from "../../store/database.ts";
import {
  createGpuHistoryWriter,
  type GpuMetric,
  type GpuSeen,
  gpuHistorySteps,
  gpuMetrics,
} from "../../store/gpu-history.ts";
import type { Journal } from "../../store/journal.ts";
import type { Reserve } from "../reserve.ts";

/** Keeps what the GPUs do on disk. */
export interface HistoryRecorder {
  /** Takes what the driver said. Never throws: a history that cannot be written is no reason to stop. */
  note(sample: Pick<GpuSample, "atMs" | "gpus">): void;
  /** Writes the step that is not over, too. */
  stop(): void;
}

export interface RecorderParts {
  readonly journal: Pick<Journal, "begin" | "commit" | "undo">;
  /** The journal's database: its transaction may be open for somebody else, since what is large takes many turns. */
  readonly db: Database;
  /** While it is given away there is no disk space to spare. */
  readonly reserve: Pick<Reserve, "isThere">;
  readonly state: () => State;
  readonly config: Pick<Config, "gpuHistoryFine" | "gpuHistoryMinutes" | "gpuHistoryHours">;
  /** Whether the driver is asked every 5 s only, and may take 10 s, and not every second. */
  readonly isSlow: boolean;
  readonly log: Logger;
  /** The disk does not keep what is written to it: nobody knows any more what is on it. */
  readonly crash: (error: unknown) => void;
}

const [STEP_MS] = gpuHistorySteps;
/** Steps that wait while nothing can be written, five minutes of them; the oldest are given up then. */
const MOST_WAITING = 60;
/** Of these so many are written at once. */
const WRITTEN_AT_ONCE = 12;
const PRUNE_EVERY_MS = 60_000;
/** A longer time between two readings is one in which nobody looked. */
const LONGEST_GAP_MS = 5_000;
const LONGEST_GAP_IF_SLOW_MS = 15_000;

/** What a GPU did in one step, as far as it was seen. */
type Sums = Map<GpuMetric, { product: number; seenMs: number; max: number }>;
interface Step {
  readonly atMs: number;
  readonly gpus: Map<string, { seenMs: number; readonly sums: Sums }>;
}

/**
 * A reading stands for the time since the one before: means are weighed by that, however often was looked. What nobody saw (no
 * reading, an unhealthy GPU, one that is not there) is not made up. Each step is one small transaction when it is over, or
 * waits while somebody else writes.
 */
export function createHistoryRecorder(parts: RecorderParts): HistoryRecorder {
  const writer = createGpuHistoryWriter(parts.db);
  const longestGapMs = parts.isSlow ? LONGEST_GAP_IF_SLOW_MS : LONGEST_GAP_MS;
  const { gpuHistoryFine, gpuHistoryMinutes, gpuHistoryHours } = parts.config;
  const keepMs = [gpuHistoryFine, gpuHistoryMinutes, gpuHistoryHours];
  let seenAtMs = new Map<string, number>();
  let open: Step[] = [];
  let waiting: Step[] = [];
  let prunedAtMs = Number.NEGATIVE_INFINITY;
  let trouble: string | null = null;
  const stepAt = (atMs: number): Step => {
    const known = open.find((step) => step.atMs === atMs);
    if (known !== undefined) return known;
    const step: Step = { atMs, gpus: new Map() };
    open.push(step);
    return step;
  };
  const take = (sampled: SampledGpu, fromMs: number, untilMs: number): void => {
    const values = valuesOf(sampled, parts.state());
    for (let atMs = fromMs; atMs < untilMs; ) {
      const step = stepAt(startOf(atMs));
      const endMs = Math.min(untilMs, step.atMs + STEP_MS);
      count(step, sampled.reading.uuid, values, endMs - atMs);
      atMs = endMs;
    }
  };
  const flush = (nowMs: number): void => {
    waiting = waiting.slice(-MOST_WAITING);
    if (waiting.length === 0 || parts.db.inTransaction || !parts.reserve.isThere()) return;
    const batch = waiting.slice(0, WRITTEN_AT_ONCE);
    const isPruneDue = Math.abs(nowMs - prunedAtMs) >= PRUNE_EVERY_MS;
    let isMoreToPrune = false;
    try {
      parts.journal.begin();
      writer.add(batch.flatMap(rowsOf));
      if (isPruneDue) isMoreToPrune = writer.prune(nowMs, keepMs);
      parts.journal.commit();
    } catch (error) {
      parts.journal.undo();
      return giveUp(error, batch.length);
    }
    waiting = waiting.slice(batch.length);
    if (isPruneDue && !isMoreToPrune) prunedAtMs = nowMs;
    if (trouble !== null) parts.log.info("the GPU history is written again");
    trouble = null;
  };
  const giveUp = (error: unknown, tried: number): void => {
    const failure = toFailure(error);
    if (failure.code === "store/failing" || failure.code === "store/damaged") return parts.crash(error);
    if (failure.code === "bug") waiting = waiting.slice(tried); // They would not be written the next time either.
    if (failure.code === "store/busy" || failure.code === trouble) return;
    parts.log.warn({ err: error }, "the GPU history cannot be written");
    trouble = failure.code;
  };
  return {
    note({ atMs, gpus }) {
      const before = seenAtMs;
      seenAtMs = new Map();
      for (const sampled of gpus) {
        const { uuid, health } = sampled.reading;
        if (!health.ok) continue;
        seenAtMs.set(uuid, atMs);
        const fromMs = before.get(uuid) ?? atMs;
        if (fromMs < atMs && atMs - fromMs <= longestGapMs) take(sampled, fromMs, atMs);
      }
      waiting.push(...open.filter((step) => step.atMs !== startOf(atMs)));
      open = open.filter((step) => step.atMs === startOf(atMs));
      flush(atMs);
    },
    stop() {
      waiting.push(...open);
      open = [];
      const last = waiting.at(-1);
      for (let left = Number.POSITIVE_INFINITY; waiting.length < left && last !== undefined; ) {
        left = waiting.length;
        flush(last.atMs + STEP_MS);
      }
    },
  };
}

const startOf = (atMs: number): number => Math.floor(atMs / STEP_MS) * STEP_MS;

function valuesOf({ reading, foreignBytes }: SampledGpu, state: State): Record<GpuMetric, number | null> {
  const { uuid, memory } = reading;
  const leases = [...(state.gpus.get(uuid)?.leases ?? [])];
  return {
    utilization: reading.utilizationPercent,
    used: memory.usedBytes,
    ours: Math.max(0, memory.usedBytes - foreignBytes),
    foreign: foreignBytes,
    reserved: leases.reduce((sum, { vramBytes }) => sum + vramBytes, 0),
    temperature: reading.temperatureCelsius,
    power: reading.powerWatts,
  };
}

function count(step: Step, gpu: string, values: Record<GpuMetric, number | null>, ms: number): void {
  const known = step.gpus.get(gpu) ?? { seenMs: 0, sums: new Map() };
  step.gpus.set(gpu, known);
  known.seenMs += ms;
  for (const metric of gpuMetrics) {
    const value = values[metric];
    if (value === null) continue;
    const before = known.sums.get(metric) ?? { product: 0, seenMs: 0, max: value };
    known.sums.set(metric, {
      product: before.product + value * ms,
      seenMs: before.seenMs + ms,
      max: Math.max(before.max, value),
    });
  }
}

function rowsOf({ atMs, gpus }: Step): GpuSeen[] {
  return [...gpus].map(([gpu, { seenMs, sums }]) => ({
    gpu,
    atMs,
    seenMs,
    metrics: Object.fromEntries(
      gpuMetrics.map((metric) => {
        const sum = sums.get(metric);
        return [metric, sum === undefined ? null : { mean: sum.product / sum.seenMs, max: sum.max }];
      }),
    ) as GpuSeen["metrics"],
  }));
}
