import { Failure } from "../../../std/failure.ts";
import { suggest } from "../../../std/suggest.ts";
import type { Directive } from "./read-head.ts";

/** How sbatch reads an option: with a value, with one behind = if at all, or without. */
type Takes = "value" | "maybe" | "nothing";

export interface OptionSpec {
  readonly takes: Takes;
  readonly short?: string;
  /** True: it makes no difference on one host with one queue. */
  readonly isIdle?: boolean;
}

const value: OptionSpec = { takes: "value" };
const idle: OptionSpec = { takes: "value", isIdle: true };
const idleFlag: OptionSpec = { takes: "nothing", isIdle: true };

/** The options of sbatch that mean something to orch, and those that may be left out without harm. */
export const slurmOptions = {
  array: { ...value, short: "a" },
  begin: { ...value, short: "b" },
  chdir: { ...value, short: "D" },
  comment: value,
  "cpus-per-gpu": value,
  "cpus-per-task": { ...value, short: "c" },
  deadline: value,
  dependency: { ...value, short: "d" },
  error: { ...value, short: "e" },
  export: value,
  gpus: { ...value, short: "G" },
  "gpus-per-node": value,
  "gpus-per-task": value,
  gres: value,
  hold: { takes: "nothing", short: "H" },
  "job-name": { ...value, short: "J" },
  mem: value,
  "mem-per-cpu": value,
  "mem-per-gpu": value,
  nice: { takes: "maybe" },
  nodes: { ...value, short: "N" },
  ntasks: { ...value, short: "n" },
  "ntasks-per-node": value,
  "open-mode": value,
  output: { ...value, short: "o" },
  requeue: { takes: "nothing" },
  signal: value,
  time: { ...value, short: "t" },
  account: { ...idle, short: "A" },
  chroot: idle,
  cluster: idle,
  clusters: { ...idle, short: "M" },
  exclude: { ...idle, short: "x" },
  "get-user-env": { takes: "maybe", isIdle: true },
  "kill-on-invalid-dep": idle,
  "mail-type": idle,
  "mail-user": idle,
  mincpus: idle,
  "no-kill": { takes: "maybe", isIdle: true },
  "no-requeue": idleFlag,
  nodelist: { ...idle, short: "w" },
  oversubscribe: { ...idleFlag, short: "s" },
  parsable: { takes: "maybe", isIdle: true },
  partition: { ...idle, short: "p" },
  priority: idle,
  profile: idle,
  qos: { ...idle, short: "q" },
  quiet: { ...idleFlag, short: "Q" },
  "spread-job": idleFlag,
  switches: idle,
  "thread-spec": idle,
  "time-min": idle,
  tmp: idle,
  verbose: { ...idleFlag, short: "v" },
  wait: { ...idleFlag, short: "W" },
  "wait-all-nodes": idle,
  wckey: idle,
} as const satisfies Record<string, OptionSpec>;

export type SlurmOption = keyof typeof slurmOptions;

/** An option as it was given last, and in which line. */
export interface Given {
  readonly value: string;
  readonly line: number;
}

export interface GivenOptions {
  readonly given: ReadonlyMap<SlurmOption, Given>;
  /** Options that orch does not know, as they were written, with the nearest one that it does. */
  readonly unknown: readonly {
    readonly option: string;
    readonly line: number;
    readonly near: string | undefined;
  }[];
}

/**
 * Reads #SBATCH lines as sbatch does: `--name=value`, `--name value`, `-J value`, `-Jvalue`. The last of several counts.
 * @throws Failure usage/invalid for one that lacks its value, or is no option
 */
export function readOptions(directives: readonly Directive[]): GivenOptions {
  const given = new Map<SlurmOption, Given>();
  const unknown: { option: string; line: number; near: string | undefined }[] = [];
  for (const { line, words } of directives) {
    const queue = [...words];
    for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
      const read = readOption(word);
      if (read === null) throw new Failure("usage/invalid", `line ${line}: "${word}" is no option of sbatch`);
      const { name, written, inline } = read;
      const spec: OptionSpec | undefined = name === undefined ? undefined : slurmOptions[name];
      if (name === undefined || spec === undefined) {
        unknown.push({ option: written, line, near: nearOf(written) });
        // What follows is its value, unless it looks like the next option.
        if (inline === undefined && queue[0]?.startsWith("-") === false) queue.shift();
        continue;
      }
      const text = spec.takes === "value" ? (inline ?? queue.shift()) : (inline ?? "");
      if (text === undefined) throw new Failure("usage/invalid", `line ${line}: ${written} has no value`);
      given.delete(name);
      given.set(name, { value: text, line });
    }
  }
  return { given, unknown };
}

function readOption(word: string) {
  const [, long, inline] = /^--([^=]+)(?:=([\s\S]*))?$/.exec(word) ?? [];
  if (long !== undefined) return { name: isKnown(long) ? long : undefined, written: `--${long}`, inline };
  const [, short, rest] = /^-([A-Za-z])([\s\S]*)$/.exec(word) ?? [];
  if (short === undefined) return null;
  const name = (Object.keys(slurmOptions) as SlurmOption[]).find((candidate) => {
    const spec: OptionSpec = slurmOptions[candidate];
    return spec.short === short;
  });
  return { name, written: `-${short}`, inline: rest === "" ? undefined : rest?.replace(/^=/, "") };
}

function isKnown(name: string): name is SlurmOption {
  return Object.hasOwn(slurmOptions, name);
}

function nearOf(written: string): string | undefined {
  const near = suggest(written.replace(/^-+/, ""), Object.keys(slurmOptions));
  return near === undefined ? undefined : `--${near}`;
}
