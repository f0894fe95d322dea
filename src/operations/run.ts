import { CommandSubmission, IdempotencyKey } from "../protocol/inputs.ts";
import { SubmittedView } from "../protocol/submission-views.ts";
import { WebhookInput } from "../protocol/webhook.ts";
import { viewJobById } from "./job-view.ts";
import { newCommandJob } from "./new-command-job.ts";
import { operation } from "./operation.ts";
import { submitOnce } from "./submit-once.ts";

export const run = operation({
  route: "POST /jobs/run",
  summary: "Queue a command, with or without GPUs",
  who: "all",
  input: CommandSubmission.extend({
    idempotencyKey: IdempotencyKey,
    webhook: WebhookInput.optional().describe("whom to tell how the job comes along"),
  }),
  output: SubmittedView,
  async run(ctx, input, caller) {
    const { webhook } = input;
    if (webhook !== undefined) ctx.webhooks.check(webhook.url);
    const { ids, isRepeat } = await submitOnce(ctx, caller, {
      key: input.idempotencyKey,
      input,
      jobs: () => {
        const job = newCommandJob(ctx, input, caller);
        return [webhook === undefined ? job : { ...job, payload: { ...job.payload, webhook } }];
      },
    });
    const [id] = ids;
    if (webhook !== undefined && id !== undefined && !isRepeat) ctx.webhooks.watch(id, id);
    return { ...viewJobById(ctx, ids[0]), ...(isRepeat ? { isRepeat } : {}) };
  },
});
