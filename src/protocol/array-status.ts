import { z } from "zod";
import { jobStates } from "./list-fields.ts";

const Timestamp = z.iso.datetime();

/** An array or a sweep as a whole. */
export const ArrayStatus = z.object({
  array: z.number().int().describe("its id, which is that of its first job"),
  runtime: z.string().describe('the runtime, or "run" for a command'),
  summary: z.string().describe("of its first job"),
  label: z.string().nullable(),
  user: z.string(),
  priority: z.number().int().describe("of its first job"),
  total: z.number().int().describe("its jobs in all"),
  jobs: z
    .partialRecord(z.enum(jobStates), z.number().int())
    .describe("its jobs by state, where there are any"),
  atOnce: z
    .number()
    .int()
    .nullable()
    .describe("at most so many run at once; null = no limit, or all of them are over"),
  submittedAt: Timestamp,
  startedAt: Timestamp.nullable().describe("when the first of them started"),
  finishedAt: Timestamp.nullable().describe("when the last of them ended; null while some are left"),
});
export type ArrayStatus = z.infer<typeof ArrayStatus>;
