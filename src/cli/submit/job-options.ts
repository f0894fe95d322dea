import type { JobOptions, Treatment } from "../../operations/api.ts";
import { parseBytes } from "../../std/bytes.ts";
import { Failure } from "../../std/failure.ts";
import { parseWhen } from "../../std/when.ts";
import { collectJobIds, durationFlag, flagReader, integerFlag, textFlag } from "../arguments.ts";
import type { Parser } from "../command.ts";
import type { Io } from "../io.ts";
import { type LabelFlag, readLabel } from "./label-flag.ts";
import { describeWebhook, type WebhookFlags } from "./webhook-flags.ts";

/** The flags of `describeJobOptions` once read. */
export interface JobFlags extends WebhookFlags {
  readonly priority?: number | string;
  readonly after?: number[];
  readonly afterAny?: number[];
  readonly afterFailed?: number[];
  readonly retries?: number;
  readonly retryDelay?: number;
  readonly begin?: string;
  readonly deadline?: string;
  readonly preemptible?: boolean;
  readonly cpus?: number;
  readonly ram?: number;
  readonly array?: string;
  readonly sweep?: string[];
  readonly atOnce?: number;
  readonly idempotencyKey?: string;
  readonly time?: number;
  readonly label?: LabelFlag;
  readonly correlation?: string;
  readonly hold?: boolean;
  readonly gpus?: number;
  readonly vram?: number;
}

/** Declares the flags that every new job takes, by `submit` and by `run`. */
export function describeJobOptions(parser: Parser, gpusHelp: string): void {
  parser.optionsGroup("Resources:");
  parser.option("--gpus <count>", gpusHelp, gpusFlag);
  parser.option("--vram <size>", "memory it needs on each GPU, e.g. 12GiB", vramFlag);
  parser.option("--cpus <count>", "CPU cores it holds", integerFlag("--cpus", 0, 100_000));
  parser.option("--ram <size>", "memory of the host it holds, e.g. 32GiB", flagReader("--ram", parseBytes));
  describeScheduling(parser);
  describeWebhook(parser);
  describeArrays(parser);
}

function describeScheduling(parser: Parser): void {
  parser.optionsGroup("Scheduling:");
  parser.option(
    "--priority <priority>",
    "-1000 to 1000, or a name such as high; higher goes first (default: 0)",
    priorityFlag,
  );
  parser.option(
    "--begin <time>",
    'not before then, e.g. 22:00, "tomorrow 9:00", +2h; a time that is past: at once',
  );
  parser.option(
    "--deadline <time>",
    "must be done by then: goes first when that gets close, is given up after it",
  );
  parser.option("--after <ids>", "start only once these jobs have succeeded, e.g. 41,42", collectJobIds);
  parser.option("--after-any <ids>", "start only once these jobs have ended, however", collectJobIds);
  parser.option("--after-failed <ids>", "start only if these jobs fail", collectJobIds);
  parser.option(
    "--retries <count>",
    "run again this often after a failure (default: 0)",
    integerFlag("--retries", 0, 100),
  );
  parser.option(
    "--retry-delay <duration>",
    "wait before that, doubled each time (default: 1s)",
    durationFlag("--retry-delay", 0, 86_400_000),
  );
  parser.option("--time <duration>", "stop it after this long, e.g. 90s, 2h", timeLimitFlag);
  parser.option("--preemptible", "it may be stopped and queued again for a job of higher priority");
  parser.option(
    "--label <text>",
    "a name for people; or NAME=VALUE, any number of them: what to find it by, e.g. orch ls --label team=vision",
    readLabel,
  );
  parser.option(
    "--correlation <id>",
    "an id that goes with the job into its environment, logs and events (default: $ORCH_CORRELATION, or its own)",
  );
  parser.option("--hold", "queue it held: it starts after `orch release`");
  parser.option(
    "--idempotency-key <key>",
    "queue it only once, however often this is sent within seven days",
    textFlag("--idempotency-key", 200),
  );
}

function describeArrays(parser: Parser): void {
  parser.optionsGroup("Many at once:");
  parser.option("--array <numbers>", "a job of each number, e.g. 0-99, 1-9:2, 0-99%4 (four at once)");
  parser.option(
    "--sweep <name=values>",
    "a job of each value, e.g. steps=20,30 or seed=1..5; several: of each combination",
    (text: string, before: string[] = []) => [...before, text],
  );
  parser.option("--at-once <count>", "of these at most so many at once", integerFlag("--at-once", 1, 1e9));
}

/** So many GPUs may be asked for, and such a time limit, as the API has it. */
export const gpusFlag = integerFlag("--gpus", 0, 64);
export const timeLimitFlag = durationFlag("--time", 1, 100 * 365 * 86_400_000);

/** Memory on each GPU, in bytes. */
export const vramFlag = flagReader("--vram", (text) => {
  const bytes = parseBytes(text);
  if (bytes > 0) return bytes;
  throw new Failure("usage/invalid", `"${text}" is no memory at all`, {
    hint: "leave it out for all of a GPU",
  });
});

/** A number, or a name that the daemon knows. */
export function priorityFlag(text: string): number | string {
  return /^[a-z]/i.test(text) ? text : integerFlag("--priority", -1000, 1000)(text);
}

/** A time as typed, on the clocks of the caller. Milliseconds since 1970. @throws Failure usage/invalid */
export function readTime(flag: string, text: string, nowMs: number): number {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return flagReader(flag, (typed) => parseWhen(typed, nowMs, timeZone))(text);
}

/**
 * The job options of the API from those flags, without the demand for GPUs. "+2h" counts from now; what a job submits belongs
 * to what it belongs to itself, unless it says otherwise.
 */
export function jobOptionsOf(flags: JobFlags, { clock, env }: Pick<Io, "clock" | "env">): Treatment {
  const nowMs = clock.nowMs();
  const correlation = flags.correlation ?? (env["ORCH_CORRELATION"] || undefined);
  const { priority, retries, retryDelay, time, begin, deadline, label, after, afterAny, afterFailed } = flags;
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(retries === undefined ? {} : { retries }),
    ...(retryDelay === undefined ? {} : { retryDelayMs: retryDelay }),
    ...(time === undefined ? {} : { timeLimitMs: time }),
    ...(begin === undefined ? {} : { begin: readTime("--begin", begin, nowMs) }),
    ...(deadline === undefined ? {} : { deadline: readTime("--deadline", deadline, nowMs) }),
    ...(after === undefined ? {} : { after }),
    ...(afterAny === undefined ? {} : { afterAny }),
    ...(afterFailed === undefined ? {} : { afterFailed }),
    ...(flags.preemptible === true ? { preemptible: true } : {}),
    ...(flags.hold === true ? { hold: true } : {}),
    ...label,
    ...(correlation === undefined ? {} : { correlation }),
  };
}

/** As `jobOptionsOf`, with what the flags change of the runtime's own demand. */
export function placedJobOptionsOf(flags: JobFlags, io: Pick<Io, "clock" | "env">): JobOptions {
  return {
    ...jobOptionsOf(flags, io),
    ...(flags.gpus === undefined ? {} : { gpus: flags.gpus }),
    ...(flags.vram === undefined ? {} : { vramBytes: flags.vram }),
    ...(flags.cpus === undefined ? {} : { cpus: flags.cpus }),
    ...(flags.ram === undefined ? {} : { ramBytes: flags.ram }),
  };
}

/** The key under which a request counts only once, if one was given. */
export function keyOf(flags: JobFlags): { idempotencyKey?: string } {
  return flags.idempotencyKey === undefined ? {} : { idempotencyKey: flags.idempotencyKey };
}

/** What makes an array of a job; null when it is a single one. @throws Failure usage/invalid */
export function arrayOf(flags: JobFlags): { array?: string; sweep?: string[]; atOnce?: number } | null {
  const { array, sweep, atOnce } = flags;
  if (array === undefined && sweep === undefined) {
    if (atOnce === undefined) return null;
    throw new Failure("usage/invalid", "--at-once needs --array or --sweep", { hint: "--array 0-99" });
  }
  return {
    ...(array === undefined ? {} : { array }),
    ...(sweep === undefined ? {} : { sweep }),
    ...(atOnce === undefined ? {} : { atOnce }),
  };
}

/** A dry run looks at one job. @throws Failure usage/invalid */
export function refuseDryArray(isArray: boolean): void {
  if (!isArray) return;
  throw new Failure("usage/invalid", "--dry-run goes with neither --array nor --sweep", {
    why: "it looks at one job",
    hint: "leave them out, and give what one of the jobs would get",
  });
}
