import type { WebhookListed } from "../protocol/webhook.ts";
import { Failure } from "../std/failure.ts";
import type { OwnedWebhookRow, WebhookName, WebhookRow } from "../store/webhooks.ts";
import { toTimestamp, toTimestampOrNull } from "./job-view.ts";

/** What lasts until it was told: in this order, and each once. What is written in between is told as it comes. */
export const lastingEvents = ["start", "output", "completed"] as const;
export type LastingEvent = (typeof lastingEvents)[number];

/** "12" tells of job 12, "12-111" of the end of the jobs 12 to 111. */
export function webhookId({ jobId, jobs }: WebhookName): string {
  return jobs === 0 ? String(jobId) : `${jobId}-${jobId + jobs - 1}`;
}

/** @throws Failure job/unknown */
export function parseWebhookId(id: string): WebhookName {
  const [, first, last] = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(id) ?? [];
  const jobId = Number(first);
  const jobs = last === undefined ? 0 : Number(last) - jobId + 1;
  if (first === undefined || jobs < 0) throw noWebhook(id);
  return { jobId, jobs };
}

/** Of one that is not there, or not for this caller to see. */
export function noWebhook(id: string): Failure {
  return new Failure("job/unknown", `there is no webhook ${JSON.stringify(id.slice(0, 50))}`, {
    why: "it has the number of its job (12), or of the first and the last of many (12-111)",
    hint: "orch webhooks ls",
  });
}

/** A webhook as lists show it: without its address, whose path or query is often a secret. */
export function viewWebhook(row: OwnedWebhookRow): WebhookListed {
  const { jobId, jobs, url, events, state, told, tries, detail, nextAtMs, failingSinceMs, user } = row;
  return {
    id: webhookId(row),
    job: jobId,
    lastJob: jobs === 0 ? null : jobId + jobs - 1,
    host: new URL(url).host,
    events: [...events],
    event: eventOf(row),
    told: lastingEvents.slice(0, told).filter((event) => events.includes(event)),
    state,
    tries,
    detail,
    failingSince: state === "done" ? null : toTimestampOrNull(failingSinceMs),
    nextTry: state === "open" ? toTimestampOrNull(nextAtMs) : null,
    user,
    createdAt: toTimestamp(row.submittedAtMs),
  };
}

/** The one that is on or comes next; of one that is over, the last. */
function eventOf({ events, told }: Pick<WebhookRow, "events" | "told">): WebhookListed["event"] {
  const asked = lastingEvents.filter((event) => events.includes(event));
  return asked.find((event) => lastingEvents.indexOf(event) >= told) ?? asked.at(-1) ?? "logs";
}
