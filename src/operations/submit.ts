import { IdempotencyKey, Submission } from "../protocol/inputs.ts";
import { SubmittedView } from "../protocol/submission-views.ts";
import { viewJobById } from "./job-view.ts";
import { newRuntimeJob } from "./new-job.ts";
import { operation } from "./operation.ts";
import { submitOnce } from "./submit-once.ts";

export const submit = operation({
  route: "POST /jobs",
  summary: "Queue a job of a runtime",
  who: "all",
  input: Submission.extend({ idempotencyKey: IdempotencyKey }),
  output: SubmittedView,
  async run(ctx, input, caller) {
    const { ids, isRepeat } = await submitOnce(ctx, caller, {
      key: input.idempotencyKey,
      input,
      jobs: () => [newRuntimeJob(ctx, input, caller)],
    });
    return { ...viewJobById(ctx, ids[0]), ...(isRepeat ? { isRepeat } : {}) };
  },
});
