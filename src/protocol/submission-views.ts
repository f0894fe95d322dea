import { z } from "zod";
import { JobView } from "./views.ts";

// What callers see of what they asked for, and of what they may ask for.

const isRepeat = z
  .boolean()
  .optional()
  .describe("true: queued before, by a request with the same idempotency key");

/** A job as the answer to its submission. */
export const SubmittedView = JobView.extend({ isRepeat });

export const ArrayView = z.object({
  array: z.number().int().describe("its id, which is that of its first job"),
  first: z.number().int(),
  last: z.number().int().describe("ids of its jobs follow each other"),
  jobs: z.number().int(),
  atOnce: z.number().int().nullable().describe("at most so many run at once"),
  isRepeat,
});
export type ArrayView = z.infer<typeof ArrayView>;

const Limit = z.number().nullable().describe("null = none");

export const QuotaView = z.object({
  account: z.string().describe("user:NAME or group:NAME"),
  waiting: z.number().int(),
  running: z.number().int(),
  gpus: z.number().describe("held now; a slot of a worker counts for its part"),
  gpuHours: z.number().describe("used, with what is past counting half after each half-life"),
  share: z.number().describe("of what all users have used, 0 to 1"),
  limits: z
    .object({ running: Limit, queued: Limit, gpuHours: Limit, maxPriority: Limit })
    .nullable()
    .describe("null = it has no quota"),
  blockedBy: z.enum(["running", "gpuHours"]).nullable().describe("the limit that keeps its jobs waiting now"),
});
export type QuotaView = z.infer<typeof QuotaView>;
