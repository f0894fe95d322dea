import { z } from "zod";

/** One AMD GPU as sysfs shows it. `error` says why it cannot be used; memory is then null. */
export const WireAmdGpu = z.object({
  uuid: z.string(),
  /** Its place among the GPUs that ROCm lists, from 0; where ROCm does not list it, its place after those. */
  index: z.number(),
  /** What ROCR_VISIBLE_DEVICES takes for it. */
  visibleAs: z.string(),
  name: z.string(),
  error: z.string().nullable(),
  memory: z.object({ totalBytes: z.number(), usedBytes: z.number() }).nullable(),
  utilizationPercent: z.number().nullable(),
  temperatureCelsius: z.number().nullable(),
  powerWatts: z.number().nullable(),
  numaNode: z.number().nullable(),
  /** UUIDs of the GPUs that it has an XGMI link to. */
  peers: z.array(z.string()),
  /** As containers are given it, "/dev/dri/renderD128". */
  renderNode: z.string().nullable(),
});
export type WireAmdGpu = z.infer<typeof WireAmdGpu>;
