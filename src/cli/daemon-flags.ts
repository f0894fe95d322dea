import { resolve } from "node:path";
import { suggestedWords } from "./arguments.ts";
import type { Parser } from "./command.ts";

/** The flags of `orch daemon`, which `orch up` hands on. */
export interface DaemonFlags {
  readonly project?: string;
  readonly gpus?: string;
  readonly logLevel?: string;
}

/** The flags of `daemon` and `up`. */
export function describeDaemonFlags(parser: Parser): void {
  parser
    .option("--project <folder>", "also use its runtimes/ and .orch.yaml")
    .option(
      "--gpus <source>",
      "auto, none, nvml, nvidia-smi, amd, or virtual:… to simulate some",
      suggestedWords("auto", "none", "nvml", "nvidia-smi", "amd", "virtual:2x24GiB"),
    )
    .option(
      "--log-level <level>",
      "trace, debug, info, warn or error",
      suggestedWords("trace", "debug", "info", "warn", "error"),
    );
}

/** Those flags as arguments again; the project made absolute, as the daemon stands elsewhere. */
export function daemonArguments(flags: DaemonFlags, cwd: string): string[] {
  return [
    ...(flags.project === undefined ? [] : ["--project", resolve(cwd, flags.project)]),
    ...(flags.gpus === undefined ? [] : ["--gpus", flags.gpus]),
    ...(flags.logLevel === undefined ? [] : ["--log-level", flags.logLevel]),
  ];
}
