import { type LastingEvent, lastingEvents } from "../../operations/webhook-view.ts";
import type { JobRow } from "../../store/queries.ts";
import type { WebhookRow } from "../../store/webhooks.ts";

type Told = Pick<WebhookRow, "told" | "events">;

/** What is to be told next. */
export type Pending =
  | { readonly event: LastingEvent /** Once it has been told. */; readonly toldThen: number }
  | "wait"
  | "done";

/** Follows from the job and from how much was told: nothing else is kept. */
export function pendingEvent({ told, events }: Told, job: JobRow | undefined): Pending {
  if (job === undefined) return "done";
  for (const [index, event] of lastingEvents.entries()) {
    if (index < told || !events.includes(event)) continue;
    const state = stateOf(event, job);
    if (state === "now") return { event, toldThen: index + 1 };
    if (state === "later") return "wait";
  }
  return job.finishedAtMs === null ? "wait" : "done";
}

/** Of many jobs their common end is told alone. */
export function pendingOfMany({ told }: Pick<Told, "told">, areOver: boolean): Pending {
  if (told >= lastingEvents.length) return "done";
  return areOver ? { event: "completed", toldThen: lastingEvents.length } : "wait";
}

function stateOf(event: LastingEvent, job: JobRow): "now" | "later" | "never" {
  const isOver = job.finishedAtMs !== null;
  if (event === "completed") return isOver ? "now" : "later";
  if (event === "start") return job.startedAtMs !== null ? "now" : isOver ? "never" : "later";
  if (!isOver) return "later";
  const hasFiles = Array.isArray(job.artifacts) && job.artifacts.length > 0;
  return job.state === "succeeded" && (job.output !== null || hasFiles) ? "now" : "never";
}
