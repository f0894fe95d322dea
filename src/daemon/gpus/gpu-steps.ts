import type { GpuSample, SampledGpu } from "../../gpu/sample.ts";
import type { State } from "../../scheduler/model.ts";
import { type GpuMetric, type GpuSeen, gpuHistorySteps, gpuMetrics } from "../../store/gpu-history.ts";

/** Makes steps of what the driver says. */
export interface GpuSteps {
  /** Takes a reading of all GPUs. Gives the steps that are over with it, each as one row for a GPU that was seen. */
  take(sample: Pick<GpuSample, "atMs" | "gpus">): readonly (readonly GpuSeen[])[];
  /** The step that is not over yet, as far as it got. */
  rest(): readonly (readonly GpuSeen[])[];
}

const [STEP_MS] = gpuHistorySteps;

/** What a GPU did in one step, as far as it was seen. */
interface Step {
  readonly atMs: number;
  readonly gpus: Map<string, Sums>;
}
interface Sums {
  seenMs: number;
  readonly metrics: Map<GpuMetric, { product: number; seenMs: number; max: number }>;
}

type Values = Readonly<Record<GpuMetric, number | null>>;

/**
 * A reading stands for the time since the one before: means are weighed by that, however often was looked. What nobody saw (no
 * reading, an unhealthy GPU, one that is not there) is not made up.
 * @param state says what leases reserve
 * @param longestGapMs a longer time between two readings is one in which nobody looked
 */
export function createGpuSteps(state: () => State, longestGapMs: number): GpuSteps {
  let seenAtMs = new Map<string, number>();
  let open: Step[] = [];
  const stepAt = (atMs: number): Step => {
    const known = open.find((step) => step.atMs === atMs);
    if (known !== undefined) return known;
    const step: Step = { atMs, gpus: new Map() };
    open.push(step);
    return step;
  };
  const count = (sampled: SampledGpu, fromMs: number, untilMs: number): void => {
    const values = valuesOf(sampled, state());
    for (let atMs = fromMs; atMs < untilMs; ) {
      const step = stepAt(startOf(atMs));
      const endMs = Math.min(untilMs, step.atMs + STEP_MS);
      addTo(step, sampled.reading.uuid, values, endMs - atMs);
      atMs = endMs;
    }
  };
  return {
    take({ atMs, gpus }) {
      const before = seenAtMs;
      seenAtMs = new Map();
      for (const sampled of gpus) {
        const { uuid, health } = sampled.reading;
        if (!health.ok) continue;
        seenAtMs.set(uuid, atMs);
        const fromMs = before.get(uuid) ?? atMs;
        if (fromMs < atMs && atMs - fromMs <= longestGapMs) count(sampled, fromMs, atMs);
      }
      const over = open.filter((step) => step.atMs !== startOf(atMs));
      open = open.filter((step) => step.atMs === startOf(atMs));
      return over.map(rowsOf);
    },
    rest() {
      const left = open;
      open = [];
      return left.map(rowsOf);
    },
  };
}

const startOf = (atMs: number): number => Math.floor(atMs / STEP_MS) * STEP_MS;

function valuesOf({ reading, foreignBytes }: SampledGpu, state: State): Values {
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

function addTo(step: Step, gpu: string, values: Values, ms: number): void {
  const known: Sums = step.gpus.get(gpu) ?? { seenMs: 0, metrics: new Map() };
  step.gpus.set(gpu, known);
  known.seenMs += ms;
  for (const metric of gpuMetrics) {
    const value = values[metric];
    if (value === null) continue;
    const before = known.metrics.get(metric) ?? { product: 0, seenMs: 0, max: value };
    known.metrics.set(metric, {
      product: before.product + value * ms,
      seenMs: before.seenMs + ms,
      max: Math.max(before.max, value),
    });
  }
}

function rowsOf({ atMs, gpus }: Step): GpuSeen[] {
  return [...gpus].map(([gpu, { seenMs, metrics }]) => ({
    gpu,
    atMs,
    seenMs,
    metrics: Object.fromEntries(
      gpuMetrics.map((metric) => {
        const sum = metrics.get(metric);
        return [metric, sum === undefined ? null : { mean: sum.product / sum.seenMs, max: sum.max }];
      }),
    ) as GpuSeen["metrics"],
  }));
}
