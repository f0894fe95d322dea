import { Submission } from "../protocol/inputs.ts";
import { JobView } from "../protocol/views.ts";
import { viewJobById } from "./job-view.ts";
import { newRuntimeJob } from "./new-job.ts";
import { operation } from "./operation.ts";

export const submit = operation({
  route: "POST /jobs",
  summary: "Queue a job of a runtime",
  input: Submission,
  output: JobView,
  async run(ctx, input, caller) {
    const [id] = await ctx.ask({ type: "submit", jobs: [newRuntimeJob(ctx, input, caller)] });
    return viewJobById(ctx, id);
  },
});
