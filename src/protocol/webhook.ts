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

/** Whom to tell that many jobs which are submitted together are over, and how each of them comes along. */
export const WebhookOfManyInput = WebhookInput.extend({
  events: z
    .array(z.enum(webhookEvents))
    .max(webhookEvents.length)
    .default([])
    .describe("of each of the jobs; that all of them are over is told once in any case"),
});
export type WebhookOfManyInput = z.output<typeof WebhookOfManyInput>;

const lasting = z.enum(["start", "output", "completed"]);

/** A webhook in a list. */
export const WebhookListed = z.object({
  id: z.string().describe("12: of job 12; 12-111: of the end of all of the jobs 12 to 111"),
  job: z.number().int().describe("the first one of many"),
  lastJob: z.number().int().nullable().describe("null = it tells of one job"),
  host: z.string().describe("who is told; the rest of the address may be secret"),
  events: z.array(z.enum(webhookEvents)).describe("what was asked for"),
  event: z.enum(webhookEvents).describe("what is told now or next; once it is over, what was told last"),
  told: z.array(lasting).describe("what is behind it"),
  state: z.enum(["open", "done", "dead"]).describe("done: all is told; dead: given up"),
  tries: z.number().int().describe("that went wrong, of this event"),
  detail: z.string().nullable().describe("what went wrong last: a status, or why nobody was reached"),
  failingSince: z.iso.datetime().nullable(),
  nextTry: z.iso.datetime().nullable(),
  user: z.string().describe("whose job it is"),
  createdAt: z.iso.datetime(),
});
export type WebhookListed = z.infer<typeof WebhookListed>;

/** How far somebody was told of a job. */
export const WebhookView = z.object({
  url: z.string(),
  events: z.array(z.enum(webhookEvents)),
  state: z.enum(["open", "done", "dead"]).describe("done: all is told; dead: given up"),
  detail: z.string().nullable().describe("what went wrong last"),
  nextTry: z.iso.datetime().nullable(),
});
