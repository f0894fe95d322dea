import { z } from "zod";
import { CommandSubmission, Submission } from "./inputs.ts";
import { jobStates } from "./views.ts";

const Timestamp = z.iso.datetime().describe("RFC 3339, UTC");

/** What a schedule submits each time. */
export const Scheduled = z.discriminatedUnion("verb", [
  z.strictObject({ verb: z.literal("submit"), submission: Submission }),
  z.strictObject({ verb: z.literal("run"), submission: CommandSubmission }),
]);
export type Scheduled = z.output<typeof Scheduled>;

export const ScheduleView = z.object({
  id: z.number().int(),
  name: z.string(),
  line: z.string().describe("the cron line"),
  timeZone: z.string(),
  description: z.string().nullable().describe("the line in words, where that is short"),
  missed: z.enum(["skip", "once", "all"]),
  overlap: z.boolean(),
  paused: z.boolean(),
  next: Timestamp.nullable().describe("null while it is paused, or if it never fires again"),
  lastJob: z.object({ id: z.number().int(), state: z.enum(jobStates) }).nullable(),
  lastError: z.string().nullable().describe("why the last fire came to nothing"),
  summary: z.string().describe("the command, or the runtime with its params"),
  user: z.string(),
  createdAt: Timestamp,
});
export type ScheduleView = z.infer<typeof ScheduleView>;

export const ReservationView = z.object({
  id: z.number().int(),
  name: z.string(),
  state: z.enum(["planned", "active"]),
  gpus: z.array(z.object({ index: z.number().int().nullable(), uuid: z.string() })),
  start: Timestamp,
  end: Timestamp,
  users: z.array(z.string()),
  groups: z.array(z.string()),
  owner: z.string(),
});
export type ReservationView = z.infer<typeof ReservationView>;

/** A schedule or reservation by its number or name. */
export const NameOrId = z.string().min(1).max(100);

/** What a schedule or reservation may be called: no number, since those are ids. */
export const Name = z
  .string()
  .regex(/^(?!\d+$)[\w.-]{1,60}$/, "up to 60 letters, digits and any of . _ -, and not a number alone");
