import type { JobOptions } from "../client/api.ts";
import { parseBytes } from "../std/bytes.ts";
import { parseDurationMs } from "../std/duration.ts";
import { collectJobIds, flagReader, integerFlag } from "./arguments.ts";
import type { Parser } from "./command.ts";

/** The flags of `describeJobOptions` once read. */
export interface JobFlags {
  readonly priority?: number;
  readonly after?: number[];
  readonly retries?: number;
  readonly time?: number;
  readonly label?: string;
  readonly hold?: boolean;
  readonly gpus?: number;
  readonly vram?: number;
}

/** Declares the flags that every new job takes, by `submit` and by `run`. */
export function describeJobOptions(parser: Parser, gpusHelp: string): void {
  parser.optionsGroup("Scheduling:");
  parser.option("--gpus <count>", gpusHelp, integerFlag("--gpus", 0, 1024));
  parser.option("--vram <size>", "memory it needs on each GPU, e.g. 12GiB", flagReader("--vram", parseBytes));
  parser.option(
    "--priority <number>",
    "-1000 to 1000; higher goes first (default: 0)",
    integerFlag("--priority", -1000, 1000),
  );
  parser.option("--after <ids>", "start only once these jobs have succeeded, e.g. 41,42", collectJobIds);
  parser.option(
    "--retries <count>",
    "run again this often after a failure (default: 0)",
    integerFlag("--retries", 0, 100),
  );
  parser.option(
    "--time <duration>",
    "stop it after this long, e.g. 90s, 2h",
    flagReader("--time", parseDurationMs),
  );
  parser.option("--label <text>", "a name for people");
  parser.option("--hold", "queue it held: it starts after `orch release`");
}

/** The job options of the API from those flags, without the demand for GPUs. */
export function jobOptionsOf(flags: JobFlags): JobOptions {
  return {
    ...(flags.priority === undefined ? {} : { priority: flags.priority }),
    ...(flags.retries === undefined ? {} : { retries: flags.retries }),
    ...(flags.time === undefined ? {} : { timeLimitMs: flags.time }),
    ...(flags.after === undefined ? {} : { after: flags.after }),
    ...(flags.hold === true ? { hold: true } : {}),
    ...(flags.label === undefined ? {} : { label: flags.label }),
  };
}

/** As `jobOptionsOf`, with what the flags change of the runtime's own demand for GPUs. */
export function placedJobOptionsOf(flags: JobFlags): JobOptions {
  return {
    ...jobOptionsOf(flags),
    ...(flags.gpus === undefined ? {} : { gpus: flags.gpus }),
    ...(flags.vram === undefined ? {} : { vramBytes: flags.vram }),
  };
}
