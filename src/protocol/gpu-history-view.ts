import { z } from "zod";

const Series = z.array(z.number().nullable());

/** One value a step, in order of time; null where the GPU was not seen, or the driver does not tell. */
const Metric = z.object({
  mean: Series.describe("weighed by the time seen"),
  max: Series.describe("the highest reading"),
});

/** A worker that held a GPU. */
const HolderView = z.object({
  worker: z.string(),
  runtime: z.string(),
  mode: z.enum(["exclusive", "shared", "residue"]).describe("as it is now, or was last"),
  vramBytes: z.number().int(),
  from: z.string(),
  to: z.string().nullable().describe("null = it still holds it"),
});

/** What one GPU did. */
export const GpuHistoryView = z.object({
  index: z.number().int(),
  uuid: z.string(),
  name: z.string().nullable().describe("null = it is not there now"),
  totalBytes: z.number().int(),
  seenMs: z.array(z.number().int()).describe("for how long of each step it was seen"),
  utilizationPercent: Metric,
  usedBytes: Metric,
  oursBytes: Metric.describe("of what is used: by workers of orch"),
  foreignBytes: Metric.describe("of what is used: by others"),
  reservedBytes: Metric.describe("by leases"),
  temperatureCelsius: Metric,
  powerWatts: Metric,
  energyJoules: Series.describe("mean power times the time seen"),
  holders: z.array(HolderView).describe("leases in order of their grants; of very many the newest 500"),
});
export type GpuHistoryView = z.output<typeof GpuHistoryView>;
