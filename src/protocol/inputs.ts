import { z } from "zod";
import { JsonValue } from "./json-value.ts";

// Inputs arrive as JSON in bodies and as text in paths and queries: these schemas take both.

export const JobId = z.coerce.number<number | string>().int().positive();
export const Count = z.coerce.number<number | string>().int().nonnegative();
export const Flag = z.union([z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")]);

/** A list, or its items joined by commas in a query. */
export function List<T extends z.ZodType>(item: T) {
  return z.preprocess(
    (value) => (typeof value === "string" ? value.split(",").filter((part) => part !== "") : value),
    z.array(item),
  ) as unknown as z.ZodType<z.output<T>[], z.input<T>[]>;
}

export const Params = z.record(z.string(), JsonValue);

/** How a job is to be treated, whatever it does. */
export const JobOptions = z
  .object({
    priority: z.number().int().min(-1000).max(1000).default(0).describe("higher first"),
    retries: z.number().int().min(0).max(100).default(0).describe("further attempts after a failure"),
    timeLimitMs: z.number().int().positive().nullable().default(null),
    after: z
      .array(z.number().int().positive())
      .max(1000)
      .default([])
      .describe("jobs that must succeed first"),
    hold: z.boolean().default(false),
    label: z.string().max(200).nullable().default(null),
    gpus: z.number().int().min(0).max(64).optional().describe("instead of what the runtime declares"),
    vramBytes: z
      .number()
      .int()
      .positive()
      .optional()
      .describe("on each GPU, instead of what the runtime declares"),
  })
  .strict();
export type JobOptions = z.output<typeof JobOptions>;

export const Submission = z
  .object({
    runtime: z.string().min(1),
    params: Params.default({}),
    options: JobOptions.prefault({}),
  })
  .strict();
export type Submission = z.output<typeof Submission>;
