import { CommandSubmission } from "../protocol/inputs.ts";
import { DryRunView } from "../protocol/views.ts";
import { viewDryRun } from "./dry-run.ts";
import { gpuEnvOf } from "./gpu-env.ts";
import { newCommandJob } from "./new-command-job.ts";
import { operation } from "./operation.ts";

export const dryRunCommand = operation({
  route: "POST /jobs/run/dry-run",
  summary: "What queueing a command would do: lease, place, time, who would make room",
  who: "all",
  input: CommandSubmission,
  output: DryRunView,
  async run(ctx, input, caller) {
    await ctx.groups.know(caller);
    const job = newCommandJob(ctx, input, caller);
    // The rest of its environment is the caller's own, which is not worth showing.
    return viewDryRun(ctx, job, (gpuUuids) => ({
      argv: job.payload.command ?? [],
      env: gpuEnvOf(ctx.latestSample(), gpuUuids),
    }));
  },
});
