import { z } from "zod";
import { IdempotencyKey, Submission } from "../protocol/inputs.ts";
import { WebhookOfManyInput } from "../protocol/webhook.ts";
import type { NewJob } from "../scheduler/events.ts";
import { Failure } from "../std/failure.ts";
import { newRuntimeJob } from "./new-job.ts";
import { operation } from "./operation.ts";
import { submitOnce } from "./submit-once.ts";
import { watchWebhooks, withWebhooks } from "./webhooks-of-many.ts";

const MAX_JOBS = 10_000;

export const submitBatch = operation({
  route: "POST /jobs/batch",
  summary: "Queue many jobs at once: all of them or none",
  who: "all",
  input: z.strictObject({
    jobs: z.array(Submission).min(1).max(MAX_JOBS),
    idempotencyKey: IdempotencyKey,
    webhook: WebhookOfManyInput.optional().describe("whom to tell once all of them are over"),
  }),
  output: z.object({ ids: z.array(z.number().int()), isRepeat: z.boolean().optional() }),
  maxBodyBytes: 64 * 2 ** 20,
  many: { name: "jobs", item: Submission, most: MAX_JOBS },
  async run(ctx, input, caller) {
    const { jobs, webhook } = input;
    if (webhook !== undefined) ctx.webhooks.check(webhook.url);
    const make = (from: number, to: number): NewJob[] =>
      jobs.slice(from, to).map((submission, index) => {
        try {
          return newRuntimeJob(ctx, submission, caller);
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          throw new Failure(error.code, `job ${from + index + 1} of the batch: ${error.message}`, error);
        }
      });
    const { ids, isRepeat } = await submitOnce(ctx, caller, {
      key: input.idempotencyKey,
      input,
      count: jobs.length,
      mayDiffer: true,
      jobs: (from, to) => withWebhooks(make(from, to), webhook, { from, count: jobs.length }),
    });
    if (webhook !== undefined && !isRepeat) await watchWebhooks(ctx, ids);
    return { ids: [...ids], ...(isRepeat ? { isRepeat } : {}) };
  },
});
