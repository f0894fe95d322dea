import { z } from "zod";
import { JobId } from "../protocol/inputs.ts";
import { JobView } from "../protocol/views.ts";
import { findJob, refuseFinished, viewJobById } from "./job-view.ts";
import { operation } from "./operation.ts";
import { refuseStranger } from "./rights.ts";

export const release = operation({
  route: "POST /jobs/:job/release",
  summary: "Let a held job go",
  who: "owner",
  input: z.object({ job: JobId }).strict(),
  output: JobView,
  async run(ctx, input, caller) {
    const row = findJob(ctx, input.job);
    refuseStranger(ctx.host.uid, row, caller);
    refuseFinished(row);
    const [id] = await ctx.ask({ type: "release", jobId: input.job });
    return viewJobById(ctx, id);
  },
});
