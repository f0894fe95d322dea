import type { WebhookEvent } from "../../scheduler/events.ts";
import { Failure } from "../../std/failure.ts";
import type { Parser } from "../command.ts";

/** What can be told of a job, in the order in which it happens. */
const webhookEvents = Object.keys({
  start: true,
  output: true,
  logs: true,
  completed: true,
} satisfies Record<WebhookEvent, true>);

/** The flags of `describeWebhook` once read. */
export interface WebhookFlags {
  readonly webhook?: string;
  readonly webhookEvents?: WebhookEvent[];
}

/** Declares the flags that say whom to tell how a new job comes along. */
export function describeWebhook(parser: Parser): void {
  parser.option(
    "--webhook <url>",
    "tell this address by POST how it comes along; of many jobs: once all are over (orch webhooks)",
  );
  parser.option(
    "--webhook-events <list>",
    `which of ${webhookEvents.join(", ")} to tell (default: all); of many jobs: of each (default: none)`,
    readEvents,
  );
}

/** Whom to tell, as the API takes it. @throws Failure usage/invalid */
export function webhookOf({ webhook: url, webhookEvents: events }: WebhookFlags): {
  webhook?: { url: string; events?: WebhookEvent[] };
} {
  if (url === undefined) {
    if (events === undefined) return {};
    throw new Failure("usage/invalid", "--webhook-events needs --webhook", { hint: "--webhook https://…" });
  }
  return { webhook: { url, ...(events === undefined ? {} : { events }) } };
}

function readEvents(text: string): WebhookEvent[] {
  const names = text.split(",").map((name) => name.trim());
  const odd = names.find((name) => !isEvent(name));
  if (odd === undefined) return [...new Set(names.filter(isEvent))];
  throw new Failure("usage/invalid", `--webhook-events: "${odd}" is nothing that can be told`, {
    hint: `--webhook-events ${webhookEvents.join(",")}, or some of these`,
  });
}

function isEvent(name: string): name is WebhookEvent {
  return webhookEvents.includes(name);
}
