import { z } from "zod";
import { Flag } from "../protocol/inputs.ts";
import { GpuView } from "../protocol/views.ts";
import { viewGpus } from "./gpu-view.ts";
import { operation } from "./operation.ts";

export const gpus = operation({
  route: "GET /gpus",
  summary: "The GPUs: memory, sensors, leases, processes",
  who: "all",
  input: z
    .object({ processes: Flag.default(false).describe("read the processes anew: slow on some drivers") })
    .strict(),
  output: z.object({ gpus: z.array(GpuView) }),
  async run(ctx, input) {
    return { gpus: viewGpus(ctx, await ctx.gpuSample(input.processes)) };
  },
});
