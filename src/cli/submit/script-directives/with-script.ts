import { hostname } from "node:os";
import { basename } from "node:path";
import { Failure } from "../../../std/failure.ts";
import { runWishes } from "../../../std/run-wishes.ts";
import { createParser, type Parser, parse } from "../../command.ts";
import type { RunFlags } from "../../commands/run.ts";
import type { Context } from "../../context.ts";
import { findScript, type ScriptFile } from "./find-script.ts";
import { type Directive, readHead } from "./read-head.ts";
import { type SlurmFlags, slurmFlags } from "./slurm-flags.ts";
import { readOptions } from "./slurm-options.ts";

export interface Asked {
  /** The command, with its arguments. */
  readonly words: readonly string[];
  readonly flags: RunFlags;
}

/**
 * What `orch run` is asked for, together with the flags at the head of the script that it names. Those of the command line
 * win over #ORCH lines, and these over #SBATCH lines. Anything else than a script stays as it is.
 * @param describe declares the flags of `orch run`
 * @throws Failure usage/invalid, with the script and its line
 */
export function withScript(context: Context, asked: Asked, describe: (parser: Parser) => void): Asked {
  const [word = "", ...rest] = asked.words;
  const script = findScript(context.io, word);
  if (script === null) return asked;
  const words = [...interpreterOf(script), script.path, ...rest];
  try {
    const directives = readHead(script.head);
    if (directives.length === 0)
      return word.includes("/") && script.isExecutable ? asked : { ...asked, words };
    return { words, flags: flagsOf(context, script, directives, asked.flags, describe) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { code, message, why, hint } = error;
    throw new Failure(code, `${basename(script.path)}: ${message}`, { why, hint });
  }
}

function flagsOf(
  context: Context,
  { path }: ScriptFile,
  directives: readonly Directive[],
  given: RunFlags,
  describe: (parser: Parser) => void,
): RunFlags {
  const read = (argv: readonly string[]): RunFlags => readFlags(context, argv, describe);
  const own = directives.filter(({ kind }) => kind === "ORCH");
  for (const [index, { line }] of own.entries()) {
    at(line, () => read(own.slice(0, index + 1).flatMap(({ words }) => words)));
  }
  const fromOrch = read(own.flatMap(({ words }) => words));
  const sbatch = directives.filter(({ kind }) => kind === "SBATCH");
  if (sbatch.length === 0) return merge(fromOrch, given);
  const options = readOptions(sbatch);
  const slurm = slurmFlags(options);
  const flags = merge(merge(read(slurm.argv), fromOrch), given);
  tell(context, basename(path), slurm, options.unknown);
  return { ...flags, extraEnv: slurmEnv(context, path, flags, slurm) };
}

function readFlags(context: Context, argv: readonly string[], describe: (parser: Parser) => void): RunFlags {
  const parser = createParser({ name: "run", summary: "", examples: [], describe }, context);
  if (argv.includes("--") || !parse(parser, [...argv, "--", "true"]) || parser.args.length > 1) {
    throw new Failure("usage/invalid", `#ORCH ${argv.join(" ")}: these are not flags of orch run alone`, {
      hint: "orch run --help",
    });
  }
  return parser.opts<RunFlags>();
}

/** The later ones win; names and labels of both stay, and a sweep takes the place of an array. */
function merge(before: RunFlags, after: RunFlags): RunFlags {
  const { array, sweep, label, ...others } = before;
  const isMany = after.array !== undefined || after.sweep !== undefined;
  const labels = { ...label?.labels, ...after.label?.labels };
  const both = { ...label, ...after.label, ...(Object.keys(labels).length === 0 ? {} : { labels }) };
  return {
    ...others,
    ...(isMany || array === undefined ? {} : { array }),
    ...(isMany || sweep === undefined ? {} : { sweep }),
    ...after,
    ...(Object.keys(both).length === 0 ? {} : { label: both }),
  };
}

function at<T>(line: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { code, message, why, hint } = error;
    throw new Failure(code, `line ${line}: ${message}`, { why, hint });
  }
}

function tell(
  { out }: Context,
  script: string,
  { idle, unkept }: SlurmFlags,
  unknown: ReturnType<typeof readOptions>["unknown"],
): void {
  if (idle.length > 0 && !out.format.quiet)
    out.note(`orch: ${script}: ${idle.join(", ")}: of no use on one host with one queue`);
  if (unkept.length > 0)
    out.note(`orch: ${script}: left out, since orch cannot keep it: ${unkept.join(", ")}`);
  for (const { option, line, near } of unknown) {
    const meant = near === undefined ? "" : ` (did you mean ${near}?)`;
    out.note(`orch: ${script} line ${line}: unknown option ${option} of sbatch is left out${meant}`);
  }
}

/** The variables of Slurm that are known now; those of the job and its array come when it starts. */
function slurmEnv(
  { io }: Context,
  path: string,
  flags: RunFlags,
  { tasks }: SlurmFlags,
): Record<string, string> {
  const cores = flags.cpus ?? null;
  const host = hostname();
  return {
    [runWishes.slurm]: "1",
    SLURM_JOB_NAME: flags.label?.label ?? basename(path),
    SLURM_SUBMIT_DIR: io.cwd,
    SLURM_SUBMIT_HOST: host,
    SLURM_JOB_NODELIST: host,
    SLURM_JOB_NUM_NODES: "1",
    SLURM_NNODES: "1",
    SLURM_NTASKS: String(tasks),
    SLURM_GPUS_ON_NODE: String(flags.gpus ?? 0),
    SLURM_CPUS_PER_TASK: String(cores === null ? 1 : Math.max(1, Math.floor(cores / tasks))),
  };
}

/** What runs a script that may not be executed itself: the program behind its #!, as sbatch does. */
function interpreterOf({ head, isExecutable }: ScriptFile): string[] {
  if (isExecutable) return [];
  const [, program, argument] = /^#!\s*(\S+)(?:[ \t]+(\S.*?))?\s*$/m.exec(head) ?? [];
  return [program ?? "/bin/sh", ...(argument === undefined ? [] : [argument])];
}
