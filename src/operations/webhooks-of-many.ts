import type { WebhookOfManyInput } from "../protocol/webhook.ts";
import type { NewJob } from "../scheduler/events.ts";
import { giveWay } from "../std/give-way.ts";
import type { Context } from "./context.ts";

/**
 * The jobs `from` onwards of `count` that are submitted together, with those whom they tell: each of them as far as that was
 * asked for, and the first one that all are over.
 */
export function withWebhooks(
  jobs: readonly NewJob[],
  webhook: WebhookOfManyInput | undefined,
  { from, count }: { readonly from: number; readonly count: number },
): readonly NewJob[] {
  if (webhook === undefined) return jobs;
  const ofAll = { ...webhook, events: ["completed" as const], jobs: count };
  return jobs.map((job, index) => ({
    ...job,
    payload: {
      ...job.payload,
      ...(webhook.events.length === 0 ? {} : { webhook }),
      ...(from + index === 0 ? { webhookOfMany: ofAll } : {}),
    },
  }));
}

/** Jobs that are watched without giving way. */
const SLICE = 1_000;

/** Sees to it that what was submitted with webhooks is told. */
export async function watchWebhooks(ctx: Context, ids: readonly number[]): Promise<void> {
  for (let from = 0; from < ids.length; from += SLICE) {
    const part = ids.slice(from, from + SLICE);
    ctx.webhooks.watch(part[0] ?? 0, part.at(-1) ?? 0);
    await giveWay();
  }
}
