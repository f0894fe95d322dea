import { z } from "zod";
import { Count } from "../protocol/inputs.ts";
import { giveWay } from "../std/give-way.ts";
import { type Spread, spreadOf } from "../std/percentile.ts";
import type { FinishedRow } from "../store/queries.ts";
import { toTimestamp } from "./job-view.ts";
import { operation, streamOperation } from "./operation.ts";

const SpreadView = z
  .object({ mean: z.number(), p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() })
  .describe("milliseconds; percentiles by nearest rank");

export const history = operation({
  route: "GET /history",
  summary: "Waits, run times and switches of finished jobs, by runtime",
  who: "all",
  input: z
    .object({
      limit: Count.max(100_000).default(10_000).describe("of so many of the newest finished jobs"),
    })
    .strict(),
  output: z.object({
    jobs: z.number().int().describe("finished jobs that were looked at"),
    since: z.string().nullable().describe("when the first of them was submitted"),
    runtimes: z.array(
      z.object({
        runtime: z.string(),
        jobs: z.number().int(),
        failed: z.number().int(),
        cancelled: z.number().int(),
        waitMs: SpreadView.nullable().describe(
          "from the submission to the last start; null if none ever ran",
        ),
        runMs: SpreadView.nullable().describe("of the last run"),
        switches: z.number().int().describe("resident workers that served them: each had to be started once"),
        startMs: SpreadView.nullable().describe(
          "of these workers, from the grant of their GPUs to readiness",
        ),
      }),
    ),
  }),
  async run(ctx, { limit }) {
    const byRuntime = new Map<string, FinishedRow[]>();
    let oldest: FinishedRow | undefined;
    let jobs = 0;
    for (let more = true; more; await giveWay()) {
      const page = Math.min(PAGE, limit - jobs);
      const rows = ctx.queries.newestFinished({ before: oldest?.id ?? Number.MAX_SAFE_INTEGER, limit: page });
      for (const row of rows) {
        const own = byRuntime.get(row.runtime) ?? [];
        own.push(row);
        byRuntime.set(row.runtime, own);
      }
      oldest = rows.at(-1) ?? oldest;
      jobs += rows.length;
      more = rows.length === page && jobs < limit;
    }
    const sorted = [...byRuntime].sort(([left], [right]) => (left < right ? -1 : 1));
    const runtimes = [];
    for (const [runtime, own] of sorted) runtimes.push({ runtime, ...(await summarize(own)) });
    return { jobs, since: oldest === undefined ? null : toTimestamp(oldest.submittedAtMs), runtimes };
  },
});

/** 100,000 rows take some 10 ms each for what they are looked through for. */
async function summarize(rows: readonly FinishedRow[]) {
  const startsMs = new Map<number, number>();
  for (const { workerId, workerCreatedAtMs, workerReadyAtMs } of rows) {
    if (workerId === null || workerCreatedAtMs === null || workerReadyAtMs === null) continue;
    startsMs.set(workerId, workerReadyAtMs - workerCreatedAtMs);
  }
  await giveWay();
  const waitsMs: number[] = [];
  const runsMs: number[] = [];
  for (const { submittedAtMs, startedAtMs, finishedAtMs } of rows) {
    if (startedAtMs === null) continue;
    waitsMs.push(startedAtMs - submittedAtMs);
    runsMs.push(finishedAtMs - startedAtMs);
  }
  await giveWay();
  const waitMs = spread(waitsMs);
  await giveWay();
  const runMs = spread(runsMs);
  await giveWay();
  return {
    jobs: rows.length,
    failed: rows.filter((row) => row.state === "failed").length,
    cancelled: rows.filter((row) => row.state === "cancelled").length,
    waitMs,
    runMs,
    switches: startsMs.size,
    startMs: spread([...startsMs.values()]),
  };
}

/** A clock that was set back makes no time negative. */
function spread(valuesMs: readonly number[]): Spread | null {
  return spreadOf(valuesMs.map((ms) => Math.max(0, ms)));
}

const PAGE = 500;
const GIB = 2 ** 30;

export const historyTrace = streamOperation({
  route: "GET /history/trace",
  summary: "Every finished job that ran, oldest first, as a trace to be replayed",
  who: "admins",
  input: z.object({}).strict(),
  output: z.object({
    job: z.number().int(),
    arrivalS: z.number().describe("since the submission of the first one"),
    model: z.string().describe("its lane: what a worker has to be started for"),
    runS: z.number().describe("of its last run"),
    user: z.string(),
    priority: z.number().int(),
    gpus: z.number().int().describe("GPUs that its last run held"),
    vramGib: z.number().nullable().describe("of a shared lease; null = whole GPUs"),
  }),
  async *run(ctx, _input, _caller, signal) {
    let after = 0;
    let firstMs: number | undefined;
    while (!signal.aborted) {
      const rows = ctx.queries.finishedRuns({ after, limit: PAGE });
      for (const row of rows) {
        firstMs ??= row.submittedAtMs;
        yield {
          job: row.id,
          arrivalS: Math.max(0, row.submittedAtMs - firstMs) / 1000,
          model: row.lane,
          runS: Math.max(0, row.finishedAtMs - row.startedAtMs) / 1000,
          user: row.user,
          priority: row.priority,
          gpus: row.gpus,
          vramGib: row.sharedBytes === null ? null : row.sharedBytes / GIB,
        };
      }
      after = rows.at(-1)?.id ?? after;
      if (rows.length < PAGE) return;
    }
  },
});
