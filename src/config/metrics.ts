import { isAbsolute } from "node:path";
import { z } from "zod";

/** What the metrics have besides their own names. */
export const MetricsSchema = z
  .strictObject({
    dcgm: z.boolean().default(false),
    dcgmJobMappingDir: z
      .string()
      .refine(isAbsolute, "dcgmJobMappingDir: expected an absolute path")
      .nullable()
      .default(null),
  })
  .prefault({})
  .describe(
    "metrics: dcgm (GPUs by the names of NVIDIA's dcgm-exporter, too), dcgmJobMappingDir (a folder in which that exporter reads which jobs are on which GPU)",
  );
