import { z } from "zod";
import { IdempotencyKey, Submission } from "../protocol/inputs.ts";
import { Failure } from "../std/failure.ts";
import { newRuntimeJob } from "./new-job.ts";
import { operation } from "./operation.ts";
import { submitOnce } from "./submit-once.ts";

const MAX_JOBS = 10_000;

export const submitBatch = operation({
  route: "POST /jobs/batch",
  summary: "Queue many jobs at once: all of them or none",
  who: "all",
  input: z.strictObject({
    jobs: z.array(Submission).min(1).max(MAX_JOBS),
    idempotencyKey: IdempotencyKey,
  }),
  output: z.object({ ids: z.array(z.number().int()), isRepeat: z.boolean().optional() }),
  maxBodyBytes: 64 * 2 ** 20,
  many: { name: "jobs", item: Submission, most: MAX_JOBS },
  async run(ctx, input, caller) {
    const { ids, isRepeat } = await submitOnce(ctx, caller, {
      key: input.idempotencyKey,
      input,
      count: input.jobs.length,
      mayDiffer: true,
      jobs: (from, to) =>
        input.jobs.slice(from, to).map((submission, index) => {
          try {
            return newRuntimeJob(ctx, submission, caller);
          } catch (error) {
            if (!(error instanceof Failure)) throw error;
            throw new Failure(error.code, `job ${from + index + 1} of the batch: ${error.message}`, error);
          }
        }),
    });
    return { ids: [...ids], ...(isRepeat ? { isRepeat } : {}) };
  },
});
