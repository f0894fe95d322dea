import { z } from "zod";
import { Count, Flag, JobId } from "../protocol/inputs.ts";
import type { Caller } from "../protocol/operation.ts";
import { WebhookListed } from "../protocol/webhook.ts";
import { Failure } from "../std/failure.ts";
import { giveWay } from "../std/give-way.ts";
import type { OwnedWebhookRow, WebhookName, WebhooksAsked } from "../store/webhooks.ts";
import type { Context } from "./context.ts";
import { operation } from "./operation.ts";
import { refuseStranger } from "./rights.ts";
import { noWebhook, parseWebhookId, viewWebhook, webhookId } from "./webhook-view.ts";

/** Rows that are read without giving way: two milliseconds. */
const PAGE = 200;
/** Tried again by one request; another one goes on. */
const RETRIED_MOST = 1_000;

export const webhooks = operation({
  route: "GET /webhooks",
  summary: "Whom the caller's jobs tell how they come along, and what became of that",
  who: "all",
  input: z.strictObject({
    state: z.enum(["open", "done", "dead"]).optional(),
    failed: Flag.default(false).describe("those that were given up, or whose last try went wrong"),
    job: JobId.optional().describe("those that tell of this job"),
    limit: Count.pipe(z.number().min(1).max(1_000)).default(100),
  }),
  output: z.object({
    webhooks: z.array(WebhookListed).describe("of the newest job first"),
    hasMore: z.boolean(),
  }),
  async run(ctx, { state, failed, job, limit }, caller) {
    const asked = { state: state ?? null, isFailed: failed, jobId: job ?? null, limit: limit + 1 };
    const rows = await findWebhooks(ctx, asked, caller);
    return { webhooks: rows.slice(0, limit).map(viewWebhook), hasMore: rows.length > limit };
  },
});

export const webhook = operation({
  route: "GET /webhooks/:webhook",
  summary: "One webhook, by its id",
  who: "owner",
  input: z.strictObject({ webhook: z.string() }),
  output: WebhookListed,
  run: async (ctx, input, caller) => viewWebhook(ownWebhook(ctx, input.webhook, caller)),
});

export const webhookRetry = operation({
  route: "POST /webhooks/:webhook/retry",
  summary: "Tell at once what was given up or waits for its next try",
  who: "owner",
  input: z.strictObject({ webhook: z.string() }),
  output: WebhookListed,
  async run(ctx, input, caller) {
    const row = ownWebhook(ctx, input.webhook, caller);
    const [retried] = await ctx.webhooks.retry([row]);
    if (retried === undefined)
      throw new Failure("job/state", `all of webhook ${webhookId(row)} is told`, {
        why: "what was answered with 2xx is not sent again",
        hint: `orch webhooks show ${webhookId(row)}`,
      });
    return viewWebhook(ctx.webhooks.find(row) ?? row);
  },
});

export const webhookRetryFailed = operation({
  route: "POST /webhooks/retry-failed",
  summary: "Tell at once what of the caller's was given up or went wrong last",
  who: "all",
  input: z.strictObject({}),
  output: z.object({
    retried: z.array(z.string()).describe("ids of webhooks"),
    hasMore: z.boolean().describe("whether there are more: the same request takes them, too"),
  }),
  async run(ctx, _input, caller) {
    const asked = { state: null, isFailed: true, jobId: null, limit: RETRIED_MOST + 1 };
    const rows = await findWebhooks(ctx, asked, caller);
    const retried = await ctx.webhooks.retry(rows.slice(0, RETRIED_MOST));
    return { retried: retried.map(webhookId), hasMore: rows.length > RETRIED_MOST };
  },
});

type Wanted = Pick<WebhooksAsked, "state" | "jobId" | "limit"> & { readonly isFailed: boolean };

/** Those of the caller's, or of everybody's for an admin. The newest job first. */
async function findWebhooks(ctx: Context, asked: Wanted, caller: Caller): Promise<OwnedWebhookRow[]> {
  const { state, isFailed, jobId, limit } = asked;
  const states = isFailed ? (["open", "dead"] as const) : [state];
  const found: OwnedWebhookRow[] = [];
  for (const each of states) {
    const isWanted = (row: OwnedWebhookRow): boolean =>
      (caller.isAdmin === true || row.uid === caller.uid) &&
      (each === null || row.state === each) &&
      (!isFailed || row.state === "dead" || row.tries > 0) &&
      (state === null || row.state === state);
    found.push(...(await pages(ctx, { state: each, jobId, limit }, isWanted)));
  }
  return found.sort((left, right) => right.jobId - left.jobId || right.jobs - left.jobs).slice(0, limit);
}

async function pages(
  ctx: Context,
  { limit, ...asked }: Pick<WebhooksAsked, "state" | "jobId" | "limit">,
  isWanted: (row: OwnedWebhookRow) => boolean,
): Promise<OwnedWebhookRow[]> {
  const found: OwnedWebhookRow[] = [];
  for (let after: WebhookName | null = null; ; await giveWay()) {
    const rows: OwnedWebhookRow[] = ctx.webhooks.list({ ...asked, after, limit: PAGE });
    found.push(...rows.filter(isWanted));
    after = rows.at(-1) ?? null;
    if (found.length >= limit || rows.length < PAGE || asked.jobId !== null) return found;
  }
}

/** @throws Failure job/unknown, permission/denied */
function ownWebhook(ctx: Context, id: string, caller: Caller): OwnedWebhookRow {
  const row = ctx.webhooks.find(parseWebhookId(id));
  if (row === undefined) throw noWebhook(id);
  refuseStranger(
    ctx.host.uid,
    { id: row.jobId, uid: row.uid, user: row.user, what: `webhook ${id}` },
    caller,
  );
  return row;
}
