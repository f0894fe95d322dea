import { z } from "zod";
import { JobId } from "../protocol/inputs.ts";
import { JobView } from "../protocol/views.ts";
import { findJob, refuseFinished, viewJobById } from "./job-view.ts";
import { operation } from "./operation.ts";

export const hold = operation({
  route: "POST /jobs/:job/hold",
  summary: "Keep a waiting job from being started",
  input: z.object({ job: JobId }).strict(),
  output: JobView,
  async run(ctx, input) {
    refuseFinished(findJob(ctx, input.job));
    const [id] = await ctx.ask({ type: "hold", jobId: input.job });
    return viewJobById(ctx, id);
  },
});
