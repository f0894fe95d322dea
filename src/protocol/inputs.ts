import { z } from "zod";
import { CORRELATION_PATTERN } from "../std/correlation.ts";
import { LABEL_NAME } from "../std/label-name.ts";
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

/** The end of the year 9999: RFC 3339 has no later time, and far beyond it not even Date has. */
export const LAST_MS = Date.UTC(10_000, 0) - 1;
/** A century. Sums of longer times end beyond what Date has. */
const LONGEST_LIMIT_MS = 100 * 365 * 86_400_000;

/** RFC 3339 or milliseconds since 1970 UTC, up to the year 9999; read as the latter. */
export const Moment = z.union([
  z.number().int().nonnegative().max(LAST_MS),
  z.iso
    .datetime({ offset: true })
    .transform((text) => Date.parse(text))
    .pipe(z.number().max(LAST_MS)),
]);

const JobIds = z.array(z.number().int().positive()).max(1000).default([]);

/** An id of the caller's for what belongs together. */
export const Correlation = z
  .string()
  .regex(
    CORRELATION_PATTERN,
    "expected 1 to 128 letters, digits or . _ : / @ + = -, a letter or digit first",
  );

const LABELS_MAX = 32;

/** Names and values of labels, e.g. { team: "vision" }. */
const Labels = z
  .record(z.string(), z.string().max(200))
  .refine((labels) => Object.keys(labels).length <= LABELS_MAX, `at most ${LABELS_MAX} labels`)
  .refine(
    (labels) => Object.keys(labels).every((name) => LABEL_NAME.test(name)),
    "names of labels are 1 to 63 letters, digits or any of _ . / -, a letter or digit first",
  );

/** How a job is to be treated, whatever it does. */
export const Treatment = z.strictObject({
  priority: z
    .union([z.number().int().min(-1000).max(1000), z.string().min(1)])
    .default(0)
    .describe("higher first; or a name that the config gives to a priority"),
  retries: z.number().int().min(0).max(100).default(0).describe("further attempts after a failure"),
  retryDelayMs: z
    .number()
    .int()
    .min(0)
    .max(86_400_000)
    .default(1000)
    .describe("wait before the second attempt; it doubles from attempt to attempt, with jitter"),
  timeLimitMs: z.number().int().positive().max(LONGEST_LIMIT_MS).nullable().default(null),
  begin: Moment.nullable().default(null).describe("not before then; a time that is past means at once"),
  deadline: Moment.nullable()
    .default(null)
    .describe("has to be done by then: goes first when that gets close, is given up after it"),
  after: JobIds.describe("jobs that must succeed first"),
  afterAny: JobIds.describe("jobs that must end first, however"),
  afterFailed: JobIds.describe("jobs that must fail first"),
  preemptible: z
    .boolean()
    .default(false)
    .describe("may be stopped and queued again for a job of higher priority"),
  hold: z.boolean().default(false),
  label: z.string().max(200).nullable().default(null).describe("a name for people"),
  labels: Labels.default({}).describe("by which it is found among others"),
  correlation: Correlation.nullable()
    .default(null)
    .describe("an id of the caller's that goes with the job into its environment, logs and events"),
});
export type Treatment = z.output<typeof Treatment>;

export const JobOptions = Treatment.extend({
  gpus: z.number().int().min(0).max(64).optional().describe("instead of what the runtime declares"),
  vramBytes: z
    .number()
    .int()
    .positive()
    .optional()
    .describe("on each GPU, instead of what the runtime declares"),
  cpus: z.number().int().min(0).max(100_000).optional().describe("instead of what the runtime declares"),
  ramBytes: z.number().int().min(0).optional().describe("instead of what the runtime declares"),
});
export type JobOptions = z.output<typeof JobOptions>;

/** A name the caller gives to a request, so that sending it again within seven days queues nothing twice. */
export const IdempotencyKey = z.string().min(1).max(200).optional();

/** Many jobs of one kind. */
export const ArrayRequest = {
  array: z
    .string()
    .max(1_000_000)
    .optional()
    .describe(
      "numbers of the jobs, e.g. 0-99, 1-9:2 or 0-99%4 (four at once); {index} stands for the number",
    ),
  sweep: z
    .array(z.string())
    .max(50)
    .default([])
    .describe("values that params take in turn, e.g. steps=20,30 and seed=1..5: a job of each combination"),
  atOnce: z.number().int().min(1).optional().describe("at most so many of them run at once"),
  idempotencyKey: IdempotencyKey,
};

const TerminalSide = z.number().int().min(1).max(10_000);

/** The terminal that a command is to run in. */
const TerminalInput = z.strictObject({
  columns: TerminalSide.default(80),
  rows: TerminalSide.default(24),
  leaveAfterMs: z
    .number()
    .int()
    .min(0)
    .max(86_400_000)
    .nullable()
    .default(null)
    .describe("hung up when nobody has been attached for so long, unless the last one left on purpose"),
});

/** A command to be queued. */
export const CommandSubmission = z.strictObject({
  command: z.array(z.string()).min(1),
  cwd: z.string().refine((dir) => dir.startsWith("/"), "an absolute path"),
  env: z.record(z.string(), z.string()).default({}),
  gpus: z.number().int().min(0).max(64).default(0),
  vramBytes: z.number().int().positive().nullable().default(null),
  mode: z.enum(["exclusive", "shared"]).default("exclusive"),
  cpus: z.number().int().min(0).max(100_000).nullable().default(null),
  ramBytes: z.number().int().min(0).default(0),
  resumeCommand: z
    .array(z.string())
    .min(1)
    .nullable()
    .default(null)
    .describe("run instead of the command once the job has been preempted"),
  terminal: TerminalInput.nullable().default(null).describe("run it in a terminal, to which people attach"),
  options: Treatment.prefault({}),
});
export type CommandSubmission = z.output<typeof CommandSubmission>;

export const Submission = z
  .object({
    runtime: z.string().min(1),
    params: Params.default({}),
    options: JobOptions.prefault({}),
  })
  .strict();
export type Submission = z.output<typeof Submission>;
