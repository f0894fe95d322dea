import { CommandSubmission, IdempotencyKey } from "../protocol/inputs.ts";
import { SubmittedView } from "../protocol/submission-views.ts";
import { viewJobById } from "./job-view.ts";
import { newCommandJob } from "./new-command-job.ts";
import { operation } from "./operation.ts";
import { submitOnce } from "./submit-once.ts";

export const run = operation({
  route: "POST /jobs/run",
  summary: "Queue a command, with or without GPUs",
  who: "all",
  input: CommandSubmission.extend({ idempotencyKey: IdempotencyKey }),
  output: SubmittedView,
  async run(ctx, input, caller) {
    const { ids, isRepeat } = await submitOnce(ctx, caller, {
      key: input.idempotencyKey,
      input,
      jobs: () => [newCommandJob(ctx, input, caller)],
    });
    return { ...viewJobById(ctx, ids[0]), ...(isRepeat ? { isRepeat } : {}) };
  },
});
