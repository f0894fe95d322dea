import { Failure } from "../../../std/failure.ts";
import {
  type Given,
  type GivenOptions,
  type OptionSpec,
  type SlurmOption,
  slurmOptions,
} from "./slurm-options.ts";
import {
  readBegin,
  readCount,
  readDependencies,
  readGpus,
  readGres,
  readMemory,
  readNice,
  readTimeLimit,
} from "./slurm-values.ts";

/** What the #SBATCH lines of a script come to. */
export interface SlurmFlags {
  /** The flags of `orch run` that say the same. */
  readonly argv: readonly string[];
  /** Given, but of no use on one host with one queue. */
  readonly idle: readonly string[];
  /** Given, understood, but not kept. */
  readonly unkept: readonly string[];
  readonly tasks: number;
}

/**
 * Turns options of sbatch into flags of `orch run`.
 * @throws Failure usage/invalid, with the line, for values that sbatch would not take and for what orch must not leave out
 */
export function slurmFlags({ given }: GivenOptions): SlurmFlags {
  const read = <T>(name: SlurmOption, how: (text: string) => T): T | undefined => {
    const option = given.get(name);
    return option === undefined ? undefined : readAt(name, option, how);
  };
  read("nodes", refuseNodes);
  const tasks = read("ntasks", readCount) ?? read("ntasks-per-node", readCount) ?? 1;
  const gpus = gpusOf(read, tasks);
  const cores = coresOf(read, tasks, gpus.count);
  const memoryBytes = memoryOf(read, cores ?? tasks, gpus.count ?? 0);
  const limit = read("time", readTimeLimit);
  const hasFile = given.has("output") || given.has("error");
  const argv = [
    ...flag("--gpus", gpus.count),
    ...flag("--cpus", cores),
    ...flag("--ram", memoryBytes === undefined ? undefined : `${memoryBytes}B`),
    ...flag("--time", limit === null || limit === undefined ? undefined : `${limit}s`),
    ...flag("--array", read("array", same)),
    ...flag("--begin", read("begin", readBegin)),
    ...flag("--deadline", read("deadline", readBegin)),
    ...(read("dependency", readDependencies) ?? []),
    ...flag("--label", read("job-name", asName)),
    ...flag(
      "--label",
      read("comment", (text) => `comment=${text}`),
    ),
    ...flag(
      "--priority",
      read("nice", (text) => readNice(text === "" ? "100" : text)),
    ),
    ...flag("--chdir", read("chdir", same)),
    ...flag("--export", read("export", same)),
    ...flag("--output", read("output", same)),
    ...flag("--error", read("error", same)),
    ...flag("--signal", read("signal", same)),
    ...(read("open-mode", readOpenMode) === true && hasFile ? ["--append"] : []),
    ...(given.has("hold") ? ["--hold"] : []),
    ...(given.has("requeue") ? ["--preemptible"] : []),
  ];
  return { argv, idle: idleOf(given, tasks), unkept: gpus.unkept, tasks };
}

type Read = <T>(name: SlurmOption, how: (text: string) => T) => T | undefined;

const same = (text: string): string => text;

/** A name for people; with an = in it, it would be a label to find the job by. */
const asName = (text: string): string => text.replaceAll("=", "-");

function flag(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`${name}=${value}`];
}

function gpusOf(read: Read, tasks: number): { count: number | undefined; unkept: string[] } {
  const gres = read("gres", readGres);
  const perTask = read("gpus-per-task", readGpus);
  const asked = read("gpus", readGpus) ?? read("gpus-per-node", readGpus);
  const found = asked ?? gres ?? (perTask && { ...perTask, count: perTask.count * tasks });
  const type = asked?.type ?? gres?.type ?? perTask?.type ?? null;
  return {
    count: found?.count,
    unkept: [
      ...(type === null ? [] : [`the GPU type ${type}`]),
      ...(gres?.others ?? []).map((entry) => `--gres=${entry}`),
    ],
  };
}

function coresOf(read: Read, tasks: number, gpus: number | undefined): number | undefined {
  const perTask = read("cpus-per-task", readCount);
  const perGpu = read("cpus-per-gpu", readCount);
  if (perTask !== undefined || tasks > 1) return (perTask ?? 1) * tasks;
  return perGpu === undefined ? undefined : perGpu * (gpus ?? 0);
}

/** Bytes; 0 stands for all there is, which nothing needs to be set aside for on a host of its own. */
function memoryOf(read: Read, cores: number, gpus: number): number | undefined {
  const perCore = read("mem-per-cpu", readMemory);
  const perGpu = read("mem-per-gpu", readMemory);
  const bytes =
    read("mem", readMemory) ??
    (perCore === undefined ? undefined : perCore * cores) ??
    (perGpu === undefined ? undefined : perGpu * gpus);
  return bytes === 0 ? undefined : bytes;
}

function readOpenMode(text: string): boolean {
  if (/^(append|truncate)$/i.test(text)) return text.toLowerCase() === "append";
  throw new Failure("usage/invalid", `"${text}" is neither append nor truncate`);
}

function refuseNodes(text: string): void {
  const [least] = text.split(/[-,]/);
  if (readCount(least ?? "") <= 1) return;
  throw new Failure("usage/invalid", `${text} nodes are one host too many`, {
    why: "orch schedules the GPUs of one machine",
    hint: "leave --nodes out, and ask for the GPUs alone",
  });
}

function readAt<T>(name: SlurmOption, { value, line }: Given, how: (text: string) => T): T {
  try {
    return how(value);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { code, message, why, hint } = error;
    throw new Failure(code, `line ${line}: --${name}: ${message}`, { why, hint });
  }
}

function idleOf(given: GivenOptions["given"], tasks: number): string[] {
  const isIdle = (name: SlurmOption): boolean => {
    const spec: OptionSpec = slurmOptions[name];
    if (name === "nodes") return true;
    if (name === "ntasks" || name === "ntasks-per-node") return tasks === 1;
    return spec.isIdle === true;
  };
  return [...given.keys()].filter(isIdle).map((name) => `--${name}`);
}
