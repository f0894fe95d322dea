import { z } from "zod";
import { JobView } from "./views.ts";

/** One line of `GET /follow`. `end` is last, once every followed job is finished. */
export const FollowLine = z.discriminatedUnion("type", [
  z.object({ type: z.literal("job"), job: JobView }),
  z.object({
    type: z.literal("progress"),
    job: z.number().int(),
    fraction: z.number(),
    text: z.string().nullable(),
  }),
  z.object({
    type: z.literal("log"),
    job: z.number().int(),
    text: z.string(),
    cursor: z.string().describe("what `resume` takes to go on after this piece"),
  }),
  z.object({
    type: z.literal("text"),
    job: z.number().int(),
    attempt: z.number().int(),
    at: z.number().int().describe("where in the text of the attempt this piece begins, in UTF-16 units"),
    text: z.string(),
  }),
  z.object({ type: z.literal("end") }),
]);
export type FollowLine = z.infer<typeof FollowLine>;
