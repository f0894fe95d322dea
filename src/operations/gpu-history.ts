import { z } from "zod";
import { GpuHistoryView } from "../protocol/gpu-history-view.ts";
import { Count, Moment } from "../protocol/inputs.ts";
import { parseDurationMs } from "../std/duration.ts";
import { Failure } from "../std/failure.ts";
import { giveWay } from "../std/give-way.ts";
import { gpuHistorySteps } from "../store/gpu-history.ts";
import type { GpuStepRow } from "../store/gpu-history-queries.ts";
import type { Context } from "./context.ts";
import { toTimestamp, toTimestampOrNull } from "./job-view.ts";
import { operation } from "./operation.ts";
import { gpuUuidOf } from "./summon.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DEFAULT_SPAN_MS = 2 * HOUR_MS;
/** Rows that are looked at in one go: a few milliseconds. */
const ROWS_AT_ONCE = 2_000;
const MOST_POINTS = 10_000;
const MOST_HOLDERS = 500;

/** Lengths of steps that people can read: each is a multiple of the kept ones that are shorter. Longer ones are whole days. */
const NICE_STEPS_MS = [
  ...[5, 10, 15, 30].map((seconds) => seconds * 1_000),
  ...[1, 2, 3, 5, 10, 15, 30].map((minutes) => minutes * MINUTE_MS),
  ...[1, 2, 3, 6, 12, 24].map((hours) => hours * HOUR_MS),
];

export const gpuHistory = operation({
  route: "GET /gpus/history",
  summary: "What the GPUs did: load, memory, heat, power, and who held them",
  who: "all",
  input: z.strictObject({
    gpu: z.string().optional().describe("index or UUID; default: all"),
    since: Moment.optional().describe("default: two hours before the end"),
    until: Moment.optional().describe("default: now"),
    step: z.string().default("auto").describe("auto, or a multiple of 5 s such as 30s or 5m"),
    points: Count.min(1).max(2_000).default(500).describe("with step auto: at most about so many"),
  }),
  output: z.object({
    since: z.string().describe("where the first step begins"),
    until: z.string().describe("where the last one ends"),
    stepMs: z.number().int(),
    keptMs: z
      .number()
      .int()
      .nullable()
      .describe("length of the kept steps that these are made of; null = nothing is kept yet"),
    gpus: z.array(GpuHistoryView),
  }),
  async run(ctx, { gpu, step, points, ...asked }) {
    const untilMs = asked.until ?? ctx.clock.nowMs();
    const sinceMs = asked.since ?? Math.max(0, untilMs - DEFAULT_SPAN_MS);
    if (sinceMs >= untilMs)
      throw new Failure("usage/invalid", "the history would end before it begins", {
        why: `since ${toTimestamp(sinceMs)}, until ${toTimestamp(untilMs)}`,
      });
    const uuid = gpu === undefined ? null : gpuOf(ctx, gpu);
    const stepMs = step === "auto" ? chooseStep(ctx, sinceMs, untilMs, points) : readStep(step);
    const firstMs = Math.floor(sinceMs / stepMs) * stepMs;
    const steps = Math.ceil((untilMs - firstMs) / stepMs);
    if (steps > MOST_POINTS)
      throw new Failure("usage/invalid", `${steps} steps of ${step} are more than ${MOST_POINTS}`, {
        hint: "longer steps, or step=auto",
      });
    const keptMs = gpuHistorySteps.findLast((kept) => stepMs % kept === 0) ?? gpuHistorySteps[0];
    const span: Span = { firstMs, steps, stepMs, keptMs };
    return {
      since: toTimestamp(firstMs),
      until: toTimestamp(firstMs + steps * stepMs),
      stepMs,
      keptMs: ctx.queries.oldestGpuStep(keptMs) === null ? null : keptMs,
      gpus: await viewAll(ctx, span, uuid),
    };
  },
});

/** Of those with that index the one that is there now, then one that was. @throws Failure gpu/unknown */
export function gpuOf(ctx: Context, asked: string): string {
  const present = ctx.latestSample().gpus.map(({ reading }) => reading);
  const known = [...present, ...ctx.queries.knownGpus()];
  const found = known.find(({ uuid, index }) => uuid === asked || String(index) === asked);
  return found?.uuid ?? gpuUuidOf(ctx, asked);
}

interface Span {
  readonly firstMs: number;
  readonly steps: number;
  readonly stepMs: number;
  readonly keptMs: number;
}

/** The shortest nice step that does not make too many points, of rows that reach back far enough. */
function chooseStep({ queries }: Context, sinceMs: number, untilMs: number, points: number): number {
  let finest: number | null = null;
  let reachMs = 0;
  for (const keptMs of gpuHistorySteps.toReversed()) {
    const oldestMs = queries.oldestGpuStep(keptMs);
    // Rows of this length begin where longer ones do, up to one of those: nothing of it has been removed.
    const isEnough =
      oldestMs !== null && (finest === null || oldestMs <= Math.max(sinceMs, reachMs) + finest);
    if (!isEnough) break;
    finest = keptMs;
    reachMs = oldestMs;
  }
  const leastMs = Math.max(finest ?? 0, (untilMs - sinceMs) / points);
  return NICE_STEPS_MS.find((stepMs) => stepMs >= leastMs) ?? Math.ceil(leastMs / DAY_MS) * DAY_MS;
}

/** @throws Failure usage/invalid */
function readStep(text: string): number {
  const [shortestMs] = gpuHistorySteps;
  const stepMs = parseDurationMs(text);
  if (stepMs > 0 && stepMs % shortestMs === 0) return stepMs;
  throw new Failure("usage/invalid", `"${text}" is not a multiple of ${shortestMs / 1000} s`, {
    hint: "write step=auto, or it like 30s or 5m",
  });
}

async function viewAll(ctx: Context, span: Span, only: string | null): Promise<GpuHistoryView[]> {
  const known = ctx.queries.knownGpus().filter(({ uuid }) => only === null || uuid === only);
  const names = new Map(ctx.latestSample().gpus.map(({ reading }) => [reading.uuid, reading.name]));
  const rows = await readRows(ctx, span, only, known.length);
  const views: GpuHistoryView[] = [];
  for (const gpu of known) {
    const own = rows.get(gpu.uuid) ?? [];
    const name = names.get(gpu.uuid) ?? null;
    const holders = viewHolders(ctx, gpu.uuid, span);
    // One that was taken out of the host long ago has nothing to tell.
    if (own.length > 0 || holders.length > 0 || name !== null)
      views.push({ ...gpu, name, ...viewSteps(own, span), holders });
    await giveWay();
  }
  return views;
}

/** Some time after the other: the event loop may stand still for 50 ms. */
async function readRows({ queries }: Context, span: Span, gpu: string | null, gpus: number) {
  const { firstMs, steps, stepMs, keptMs } = span;
  const rows = new Map<string, GpuStepRow[]>();
  const rowsAStep = (stepMs / keptMs) * Math.max(1, gpus);
  const stepsAtOnce = Math.max(1, Math.floor(ROWS_AT_ONCE / rowsAStep));
  for (let done = 0; done < steps; done += stepsAtOnce) {
    const fromMs = firstMs + done * stepMs;
    const untilMs = firstMs + Math.min(steps, done + stepsAtOnce) * stepMs;
    for (const row of queries.gpuSteps({ keptMs, stepMs, fromMs, untilMs, gpu })) {
      const own = rows.get(row.gpu) ?? [];
      own.push(row);
      rows.set(row.gpu, own);
    }
    await giveWay();
  }
  return rows;
}

type Steps = Omit<GpuHistoryView, "index" | "uuid" | "name" | "totalBytes" | "holders">;

function viewSteps(rows: readonly GpuStepRow[], { firstMs, steps, stepMs }: Span): Steps {
  const series = (value: (row: GpuStepRow) => number | null, digits: number): (number | null)[] => {
    const values = new Array<number | null>(steps).fill(null);
    for (const row of rows) values[(row.atMs - firstMs) / stepMs] = rounded(value(row), digits);
    return values;
  };
  return {
    seenMs: series((row) => row.seenMs, 0).map((seenMs) => seenMs ?? 0),
    utilizationPercent: {
      mean: series((row) => row.utilizationMean, 1),
      max: series((row) => row.utilizationMax, 1),
    },
    usedBytes: { mean: series((row) => row.usedMean, 0), max: series((row) => row.usedMax, 0) },
    oursBytes: { mean: series((row) => row.oursMean, 0), max: series((row) => row.oursMax, 0) },
    foreignBytes: { mean: series((row) => row.foreignMean, 0), max: series((row) => row.foreignMax, 0) },
    reservedBytes: { mean: series((row) => row.reservedMean, 0), max: series((row) => row.reservedMax, 0) },
    temperatureCelsius: {
      mean: series((row) => row.temperatureMean, 1),
      max: series((row) => row.temperatureMax, 1),
    },
    powerWatts: { mean: series((row) => row.powerMean, 1), max: series((row) => row.powerMax, 1) },
    energyJoules: series(
      ({ powerMean, seenMs }) => (powerMean === null ? null : (powerMean * seenMs) / 1000),
      1,
    ),
  };
}

function rounded(value: number | null, digits: number): number | null {
  return value === null ? null : Math.round(value * 10 ** digits) / 10 ** digits;
}

function viewHolders(
  { queries }: Context,
  gpu: string,
  { firstMs, steps, stepMs }: Span,
): GpuHistoryView["holders"] {
  const untilMs = firstMs + steps * stepMs;
  return queries
    .holders({ gpu, fromMs: firstMs, untilMs, limit: MOST_HOLDERS })
    .map(({ worker, runtime, mode, vramBytes, grantedAtMs, releasedAtMs }) => ({
      ...{ worker, runtime, mode, vramBytes },
      from: toTimestamp(grantedAtMs),
      to: toTimestampOrNull(releasedAtMs),
    }));
}
