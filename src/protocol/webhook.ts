import { z } from "zod";
import { webhookEvents } from "../scheduler/events.ts";

/** Whom to tell by HTTP how a job comes along. */
export const WebhookInput = z.strictObject({
  url: z
    .string()
    .max(2_048)
    .describe("told by POST, signed as Standard Webhooks has it; see docs/predictions.md"),
  events: z
    .array(z.enum(webhookEvents))
    .min(1)
    .max(webhookEvents.length)
    .default([...webhookEvents]),
  base: z.string().max(2_048).default("").describe("what the addresses in what is sent begin with"),
});

/** How far somebody was told of a job. */
export const WebhookView = z.object({
  url: z.string(),
  events: z.array(z.enum(webhookEvents)),
  state: z.enum(["open", "done", "dead"]).describe("done: all is told; dead: given up"),
  detail: z.string().nullable().describe("what went wrong last"),
  nextTry: z.iso.datetime().nullable(),
});
