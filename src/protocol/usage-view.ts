import { z } from "zod";

const UsageSpread = z
  .object({ p50: z.number(), p90: z.number(), p99: z.number() })
  .nullable()
  .describe("milliseconds, percentiles by nearest rank; null if none ever ran");

/** What some jobs took together. */
export const UsageView = z.object({
  runtime: z.string().nullable().describe("null = all"),
  user: z.string().nullable().describe("null = all"),
  jobs: z.number().int(),
  failed: z.number().int(),
  cancelled: z.number().int(),
  gpuHours: z.number().describe("of all attempts; a shared lease counts by its share of the memory"),
  waitMs: UsageSpread,
  runMs: UsageSpread,
  switches: z.number().int().describe("resident workers that served them: each had to be started once"),
  energyKwh: z
    .number()
    .nullable()
    .describe("an estimate: the power of the GPUs while the jobs ran; null if it was never measured"),
  cost: z.number().nullable().describe("of that energy, at the price in the config; null without one"),
});
export type UsageView = z.infer<typeof UsageView>;
