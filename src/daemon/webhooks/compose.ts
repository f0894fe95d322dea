import { LINK_MS, writeLink } from "../../gateway/predictions/links.ts";
import { endOfLog, LOG_LINES } from "../../gateway/predictions/log-end.ts";
import { predictionOf } from "../../gateway/predictions/prediction.ts";
import type { Context } from "../../operations/context.ts";
import type { LastingEvent } from "../../operations/webhook-view.ts";
import type { Caller } from "../../protocol/operation.ts";
import { must } from "../../std/assert.ts";
import type { WebhookRow } from "../../store/webhooks.ts";
import { callers } from "../http/gateway-port.ts";

/** Makes what is sent: the prediction as its owner sees it. @throws Failure job/unknown */
export async function composeBody(
  ctx: Context,
  { jobId, base }: Pick<WebhookRow, "jobId" | "base">,
  event: LastingEvent | "logs",
  sign: (text: string) => string,
): Promise<Buffer> {
  const { uid, user } = must(ctx.queries.job(jobId), `job ${jobId} has a webhook and is not there`);
  const caller: Caller = { uid, user, pid: 0 };
  const { signal } = new AbortController();
  const { call, stream } = callers(ctx);
  const job = await call("GET /jobs/:job", { job: jobId }, caller, signal);
  const untilMs = ctx.clock.nowMs() + LINK_MS;
  const origin = /^https?:\/\/[^/]+/.exec(base)?.[0] ?? "";
  const link = (to: number | "stream"): string =>
    `${origin}/replicate/v1/links/${writeLink({ ...{ job: jobId, to, uid, user }, keyId: null, untilMs }, sign)}`;
  // A start that is told late is still one: whoever goes by the status would take it for an end.
  const then =
    event === "start" ? { ...job, state: "running" as const, finishedAt: null, progress: null } : job;
  const lines = stream("GET /jobs/:job/logs", { job: jobId, tail: LOG_LINES }, caller, signal);
  const written = event === "start" ? "" : await endOfLog(lines);
  const prediction = predictionOf({ job: then, logs: written, base, link });
  const shown = event === "output" ? { ...prediction, status: "processing", completed_at: null } : prediction;
  return Buffer.from(JSON.stringify(shown));
}
