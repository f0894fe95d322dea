import { IdempotencyKey, Submission } from "../protocol/inputs.ts";
import { SubmittedView } from "../protocol/submission-views.ts";
import { WebhookInput } from "../protocol/webhook.ts";
import { bringFiles } from "./input-files.ts";
import { viewJobById } from "./job-view.ts";
import { newRuntimeJob } from "./new-job.ts";
import { operation } from "./operation.ts";
import { submitOnce } from "./submit-once.ts";

export const submit = operation({
  route: "POST /jobs",
  summary: "Queue a job of a runtime",
  who: "all",
  input: Submission.extend({
    idempotencyKey: IdempotencyKey,
    webhook: WebhookInput.optional().describe("whom to tell how the job comes along"),
  }),
  output: SubmittedView,
  async run(ctx, input, caller, signal) {
    const { idempotencyKey: key, webhook } = input;
    if (webhook !== undefined) ctx.webhooks.check(webhook.url);
    // What was submitted before has its files.
    const isKnown =
      key !== undefined && ctx.queries.submission(caller.uid, key, ctx.clock.nowMs()) !== undefined;
    const params = isKnown ? input.params : await bringFiles(ctx, input, caller, signal);
    const { ids, isRepeat } = await submitOnce(ctx, caller, {
      key,
      input,
      jobs: () => {
        const job = newRuntimeJob(ctx, { ...input, params }, caller);
        return [webhook === undefined ? job : { ...job, payload: { ...job.payload, webhook } }];
      },
    });
    const [id] = ids;
    if (webhook !== undefined && id !== undefined && !isRepeat) ctx.webhooks.watch(id, id);
    return { ...viewJobById(ctx, ids[0]), ...(isRepeat ? { isRepeat } : {}) };
  },
});
