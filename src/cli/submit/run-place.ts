import { statSync } from "node:fs";
import { constants } from "node:os";
import { dirname, resolve } from "node:path";
import { Failure } from "../../std/failure.ts";
import { runWishes } from "../../std/run-wishes.ts";
import { flagReader } from "../arguments.ts";
import type { Parser } from "../command.ts";
import type { Io } from "../io.ts";

/** The flags about what is around a command: its folder, its environment, its files. */
export interface PlaceFlags {
  readonly chdir?: string;
  readonly export?: string;
  readonly output?: string;
  readonly error?: string;
  readonly append?: boolean;
  readonly signal?: SignalFlag;
  readonly time?: number;
  /** Variables that are set whatever --export says. */
  readonly extraEnv?: Readonly<Record<string, string>>;
}

interface SignalFlag {
  readonly name: string;
  /** So long before the end of its time. */
  readonly beforeS: number;
}

/** Declares those flags. */
export function describePlace(parser: Parser): void {
  parser
    .optionsGroup("Around the command:")
    .option("--chdir <folder>", "where it runs (default: this folder)")
    .option(
      "--export <names>",
      "variables of this shell that it gets, and NAME=VALUE; ALL, NONE (default: ALL)",
    )
    .option(
      "--output <file>",
      "also copy what it writes there; %j is the job, %A and %a array and index, %x its name, %u the user",
    )
    .option("--error <file>", "what it writes on stderr goes there instead")
    .option("--append", "go on with these files rather than begin them anew")
    .option(
      "--signal <name@seconds>",
      "sent to it so long before its --time is over, e.g. USR1@60",
      flagReader("--signal", readSignal),
    );
}

/** The folder and the environment that a command is submitted with. @throws Failure usage/invalid, file/missing */
export function placeOf(
  { cwd, env }: Pick<Io, "cwd" | "env">,
  flags: PlaceFlags,
): { cwd: string; env: Record<string, string> } {
  const folder = resolve(cwd, flags.chdir ?? "");
  const { error } = flags;
  // Where stderr alone is to be copied, stdout goes nowhere else than into the log.
  const output = flags.output ?? (error === undefined ? undefined : "/dev/null");
  if (output === undefined && flags.append === true) {
    throw new Failure("usage/invalid", "--append needs --output or --error", { hint: "add --output FILE" });
  }
  for (const file of [output, error]) if (file !== undefined) refuseNoFolder(folder, file);
  return {
    cwd: folder,
    env: {
      ...exported(env, flags),
      ...flags.extraEnv,
      ...(output === undefined ? {} : { [runWishes.output]: output }),
      ...(error === undefined ? {} : { [runWishes.error]: error }),
      ...(flags.append === true ? { [runWishes.append]: "1" } : {}),
      ...signalWish(flags),
    },
  };
}

function exported(env: Io["env"], { export: what, extraEnv }: PlaceFlags): Record<string, string> {
  const wanted = (what ?? "ALL").split(",").filter((word) => word !== "");
  const isAll = wanted.some((word) => /^all$/i.test(word));
  const names = new Set(wanted);
  const own = Object.entries(env).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && (isAll || names.has(pair[0])),
  );
  const set = wanted.flatMap((word): [string, string][] => {
    const at = word.indexOf("=");
    return at < 1 ? [] : [[word.slice(0, at), word.slice(at + 1)]];
  });
  // Those of an outer job: this one has others.
  const outer = new Set<string>(Object.values(runWishes));
  const isOuter = (name: string): boolean =>
    outer.has(name) || (extraEnv !== undefined && name.startsWith("SLURM_"));
  return Object.fromEntries([...own.filter(([name]) => !isOuter(name)), ...set]);
}

/** `USR1@60`, `B:10`: Slurm's R: and B: change nothing, as the signal always goes to the command itself. */
function readSignal(text: string): SignalFlag {
  const [, word = "", seconds = "60"] = /^(?:[RB]:)*(\w+)(?:@(\d{1,5}))?$/i.exec(text) ?? [];
  const name = word.toUpperCase().replace(/^SIG/, "");
  const known = Object.entries(constants.signals).find(
    ([signal, number]) => signal === `SIG${name}` || String(number) === name,
  );
  if (known === undefined) {
    throw new Failure("usage/invalid", `"${text}" is not a signal`, { hint: "write it like USR1@60" });
  }
  return { name: known[0].slice(3), beforeS: Number(seconds) };
}

function signalWish({ signal, time }: PlaceFlags): Record<string, string> {
  if (signal === undefined) return {};
  if (time === undefined) {
    throw new Failure("usage/invalid", "--signal needs --time: it is sent before that is over", {
      hint: "add --time 2h",
    });
  }
  const afterS = Math.max(0, time / 1000 - signal.beforeS);
  return { [runWishes.signal]: `${signal.name} ${afterS}` };
}

/** What the name is filled in with is known later; the folder mostly is not part of that. */
function refuseNoFolder(cwd: string, file: string): void {
  const folder = resolve(cwd, dirname(file));
  if (folder.includes("%") || statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new Failure("file/missing", `the folder of ${file} does not exist`, { hint: `mkdir -p ${folder}` });
}
