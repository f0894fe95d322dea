import { z } from "zod";
import { JobId } from "../protocol/inputs.ts";
import { JobView } from "../protocol/views.ts";
import { findJob, refuseFinished, viewJobById } from "./job-view.ts";
import { operation } from "./operation.ts";
import { refuseStranger } from "./rights.ts";

export const hold = operation({
  route: "POST /jobs/:job/hold",
  summary: "Keep a waiting job from being started",
  who: "owner",
  input: z.object({ job: JobId }).strict(),
  output: JobView,
  async run(ctx, input, caller) {
    const row = findJob(ctx, input.job);
    refuseStranger(ctx.host.uid, row, caller);
    refuseFinished(row);
    const [id] = await ctx.ask({ type: "hold", jobId: input.job });
    return viewJobById(ctx, id);
  },
});
