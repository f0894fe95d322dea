import { ArrayRequest, CommandSubmission, Submission } from "../protocol/inputs.ts";
import type { Caller } from "../protocol/operation.ts";
import { ArrayView } from "../protocol/submission-views.ts";
import { WebhookOfManyInput } from "../protocol/webhook.ts";
import type { NewJob } from "../scheduler/events.ts";
import { must } from "../std/assert.ts";
import { type ArrayMember, arrayMembers, refuseTooMuchText } from "./array-members.ts";
import type { Context } from "./context.ts";
import { newCommandJobs } from "./new-command-job.ts";
import { newRuntimeJobs } from "./new-job.ts";
import { operation } from "./operation.ts";
import { submitOnce } from "./submit-once.ts";
import { watchWebhooks, withWebhooks } from "./webhooks-of-many.ts";

/** Bodies may hold long lists of values, of a sweep over files for example. */
const MAX_BODY_BYTES = 16 * 2 ** 20;

const toldOf = {
  webhook: WebhookOfManyInput.optional().describe("whom to tell once all of them are over"),
};

export const submitArray = operation({
  route: "POST /jobs/array",
  summary: "Queue an array or a sweep of a runtime: all of its jobs or none",
  who: "all",
  input: Submission.extend({ ...ArrayRequest, ...toldOf }),
  output: ArrayView,
  maxBodyBytes: MAX_BODY_BYTES,
  run: (ctx, input, caller) =>
    queueArray(ctx, caller, input, {
      words: [input.params],
      mayDiffer: true,
      jobsOf: (members) => newRuntimeJobs(ctx, input, caller, members),
    }),
});

export const runArray = operation({
  route: "POST /jobs/run-array",
  summary: "Queue an array or a sweep of a command: all of its jobs or none",
  who: "all",
  input: CommandSubmission.extend({ ...ArrayRequest, ...toldOf }),
  output: ArrayView,
  maxBodyBytes: MAX_BODY_BYTES,
  run: (ctx, input, caller) =>
    queueArray(ctx, caller, input, {
      words: [input.command, input.resumeCommand],
      mayDiffer: false,
      jobsOf: (members) => newCommandJobs(ctx, input, caller, members),
    }),
});

type Asked = Parameters<typeof arrayMembers>[0] & {
  readonly idempotencyKey?: string | undefined;
  readonly webhook?: WebhookOfManyInput | undefined;
};

interface Kind {
  /** What `{index}` and the names of a sweep are put into. */
  readonly words: readonly unknown[];
  readonly mayDiffer: boolean;
  readonly jobsOf: (members: readonly ArrayMember[]) => readonly NewJob[];
}

async function queueArray(ctx: Context, caller: Caller, input: Asked, kind: Kind) {
  const { webhook } = input;
  if (webhook !== undefined) ctx.webhooks.check(webhook.url);
  const { members, atOnce } = await arrayMembers(input);
  await refuseTooMuchText(members, JSON.stringify(kind.words));
  const { ids, isRepeat } = await submitOnce(ctx, caller, {
    key: input.idempotencyKey,
    input,
    count: members.count,
    mayDiffer: kind.mayDiffer,
    jobs: (from, to) =>
      withWebhooks(kind.jobsOf(members.slice(from, to)), webhook, { from, count: members.count }),
    array: { maxActive: atOnce },
  });
  if (webhook !== undefined && !isRepeat) await watchWebhooks(ctx, ids);
  const first = must(ids[0], "an array has a job");
  const last = first + ids.length - 1;
  return { array: first, first, last, jobs: ids.length, atOnce, ...(isRepeat ? { isRepeat } : {}) };
}
