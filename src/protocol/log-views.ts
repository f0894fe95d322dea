import { z } from "zod";
import { Count, Flag, List, Moment } from "./inputs.ts";

/** Longer patterns are written by programs, and for no good. */
const PATTERN_MAX = 1_000;

/** Which part of a log is wanted, and in what form. */
export const LogQuery = {
  follow: Flag.default(false).describe("go on until what writes it is over"),
  tail: Count.optional().describe(
    "only this many of the last lines at first; with grep: of those that match",
  ),
  since: Moment.optional().describe("only what was written from then on, to about a second"),
  until: Moment.optional().describe("only what was written by then, to about a second"),
  grep: z
    .string()
    .min(1)
    .max(PATTERN_MAX)
    .optional()
    .describe("only lines that match this regular expression"),
  ignoreCase: Flag.default(false).describe("of the expression"),
  invert: Flag.default(false).describe("only lines that do not match"),
  attempt: z.coerce
    .number<number | string>()
    .int()
    .positive()
    .optional()
    .describe("of a job; the current or last one when left out"),
  lines: Flag.default(false).describe("one line of the log in each line of the stream, with its time"),
  resume: List(z.string().max(60))
    .default([])
    .describe("cursors from lines of an earlier stream: these logs go on from there"),
};

/** A piece of a log. */
export const LogLine = z.object({
  text: z.string().describe("as it was written, line ends included; with `lines` one line without its end"),
  at: z.iso
    .datetime()
    .nullable()
    .describe("when it was there for sure, to about a second; null without `lines`"),
  source: z.enum(["job", "worker", "daemon"]),
  job: z.number().int().nullable(),
  attempt: z.number().int().nullable(),
  worker: z.string().nullable(),
  correlation: z.string().nullable(),
  cursor: z.string().describe("what a stream resumes with to go on after this piece"),
});
export type LogLine = z.infer<typeof LogLine>;
