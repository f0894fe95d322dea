import { z } from "zod";
import { Count, Moment } from "../protocol/inputs.ts";
import { UsageView } from "../protocol/usage-view.ts";
import { giveWay } from "../std/give-way.ts";
import { nearestRank } from "../std/percentile.ts";
import type { UsageRow } from "../store/past-queries.ts";
import type { Context } from "./context.ts";
import { toTimestamp } from "./job-view.ts";
import { operation } from "./operation.ts";

const PAGE = 500;
const HOUR_MS = 3_600_000;
const JOULES_PER_KWH = 3_600_000;

export const stats = operation({
  route: "GET /stats",
  summary: "What finished jobs took: GPU-hours, waits, runs, switches, energy; by runtime and user",
  who: "all",
  input: z.strictObject({
    since: Moment.optional().describe("only jobs that ended since then"),
    by: z.enum(["both", "runtime", "user"]).default("both"),
    limit: Count.min(1).max(100_000).default(10_000).describe("of so many of the newest ends"),
  }),
  output: z.object({
    jobs: z.number().int().describe("finished jobs that were looked at; of others, users see none"),
    since: z.string().nullable().describe("when the first of them ended"),
    energyPrice: z.number().nullable().describe("of a kilowatt-hour"),
    usage: z.array(UsageView),
    total: UsageView,
  }),
  async run(ctx, { since, by, limit }) {
    const rows = await readUsage(ctx, since ?? 0, limit);
    const groups = new Map<string, UsageRow[]>();
    for (const row of rows) {
      const key = JSON.stringify([by === "user" ? null : row.runtime, by === "runtime" ? null : row.user]);
      const own = groups.get(key) ?? [];
      own.push(row);
      groups.set(key, own);
    }
    const oldest = rows.at(-1);
    return {
      jobs: rows.length,
      since: oldest === undefined ? null : toTimestamp(oldest.finishedAtMs),
      energyPrice: ctx.energyPrice,
      usage: [...groups]
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .map(([key, own]) => {
          const [runtime, user] = JSON.parse(key) as [string | null, string | null];
          return { runtime, user, ...summarize(own, ctx.energyPrice) };
        }),
      total: { runtime: null, user: null, ...summarize(rows, ctx.energyPrice) },
    };
  },
});

/** Page by page: the event loop may stand still for 50 ms. */
async function readUsage({ queries }: Context, sinceMs: number, limit: number): Promise<UsageRow[]> {
  const rows: UsageRow[] = [];
  let after: UsageRow | null = null;
  while (rows.length < limit) {
    const asked = Math.min(PAGE, limit - rows.length);
    const page: UsageRow[] = queries.usage({ sinceMs, after, uid: null, limit: asked });
    rows.push(...page);
    after = page.at(-1) ?? null;
    if (after === null) break;
    await giveWay();
  }
  return rows;
}

function summarize(rows: readonly UsageRow[], price: number | null) {
  const ran = rows.flatMap(({ startedAtMs, ...row }) =>
    startedAtMs === null ? [] : [{ ...row, startedAtMs }],
  );
  const measured = rows.flatMap(({ energyJ }) => energyJ ?? []);
  const energyKwh = measured.length === 0 ? null : sum(measured) / JOULES_PER_KWH;
  return {
    jobs: rows.length,
    failed: rows.filter(({ state }) => state === "failed").length,
    cancelled: rows.filter(({ state }) => state === "cancelled").length,
    gpuHours: sum(rows.map(({ gpuMs }) => Math.max(0, gpuMs))) / HOUR_MS,
    waitMs: spread(ran.map((row) => row.startedAtMs - row.submittedAtMs)),
    runMs: spread(ran.map((row) => row.finishedAtMs - row.startedAtMs)),
    switches: new Set(rows.flatMap(({ residentId }) => residentId ?? [])).size,
    energyKwh,
    cost: energyKwh === null || price === null ? null : energyKwh * price,
  };
}

/** A clock that was set back makes no time negative. */
function spread(valuesMs: readonly number[]): z.input<typeof UsageView>["waitMs"] {
  if (valuesMs.length === 0) return null;
  const sorted = Float64Array.from(valuesMs, (ms) => Math.max(0, ms)).sort();
  return { p50: nearestRank(sorted, 0.5), p90: nearestRank(sorted, 0.9), p99: nearestRank(sorted, 0.99) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
