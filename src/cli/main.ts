import { Failure, toFailure } from "../std/failure.ts";
import { JSON_VERSION } from "../std/json-version.ts";
import { suggest } from "../std/suggest.ts";
import { type CommandEntry, commands } from "./commands.ts";
import { type Context, createContext } from "./context.ts";
import { otherWords } from "./help/other-words.ts";
import { helpWidth } from "./help-layout.ts";
import { type Io, processIo } from "./io.ts";
import { createOutput } from "./output.ts";

export { processIo };

const WIND_DOWN_MS = 2000;
/** Exit code of failures that the command line itself caused: its help is what to try. */
const USAGE_EXIT = 2;

/** Runs one command line; resolves with the exit code and never exits by itself. */
export async function main(argv: readonly string[], io: Io = processIo()): Promise<number> {
  const own = beforeDashes(argv);
  const format = { json: own.includes("--json"), quiet: own.includes("--quiet") || own.includes("-q") };
  const out = await createOutput(io, format, !own.includes("--no-color"));
  const stop = new AbortController();
  const context = createContext(io, out, stop.signal, !own.includes("--no-autostart"));
  const done = dispatch(context, argv).catch((error: unknown) => {
    const failure = withHint(toFailure(error), own);
    // Once stdout is gone the command was told to stop; how it took that is of no interest.
    if (!stop.signal.aborted) out.fail(failure);
    return failure.exitCode;
  });
  const code = await Promise.race([done, out.broken]);
  stop.abort();
  // A command whose reader has gone may have something to put right first, like cancelling its job.
  await Promise.race([done, windDown()]);
  out.progress(null);
  return (await out.flush()) ? code : Promise.race([out.broken, windDown().then(() => 1)]);
}

/** Every usage error ends with something to try: at least the help of the command, with the runtime's params if it names one. */
function withHint(failure: Failure, argv: readonly string[]): Failure {
  if (failure.hint !== undefined || failure.exitCode !== USAGE_EXIT) return failure;
  const [name, operand] = argv.filter((word) => !word.startsWith("-"));
  const isCommand = name !== undefined && Object.hasOwn(commands, name);
  const about = !isCommand
    ? ""
    : name === "submit" && operand !== undefined
      ? `${name} ${operand} `
      : `${name} `;
  const { code, message, why, cause } = failure;
  return new Failure(code, message, { why, cause, hint: `orch ${about}--help` });
}

function windDown(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, WIND_DOWN_MS).unref();
  });
}

async function dispatch(context: Context, argv: readonly string[]): Promise<number> {
  if (argv[0] === "__complete")
    return (await import("./complete/complete.ts")).complete(context, argv.slice(1));
  const { leading, name, rest } = splitCommand(argv);
  if (leading.some(isHelp) || name === "help") return help(context, name === "help" ? rest : [name, ...rest]);
  if (leading.includes("--version") || leading.includes("-V")) {
    const { packageVersion } = await import("../std/package-version.ts");
    context.out.result(
      { version: packageVersion(), schemaVersion: JSON_VERSION },
      { text: () => context.out.print(packageVersion()) },
    );
    return 0;
  }
  const strange = leading.find((flag) => !globalFlags.has(flag));
  if (strange !== undefined) {
    throw new Failure("usage/invalid", `unknown option '${strange}'`, { hint: nearestFlag(strange) });
  }
  if (name === undefined) {
    const { overview } = await import("./commands/overview.ts");
    return overview.execute(context, leading);
  }
  const command = await entryOf(name).load();
  return command.execute(context, [...leading, ...rest]);
}

async function help(context: Context, words: readonly (string | undefined)[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined || isHelp(name)) {
    const { helpText } = await import("./help.ts");
    context.out.print(helpText(helpWidth(context.io.stdout)));
    return 0;
  }
  const { topics } = await import("./help/topics.ts");
  const topic = Object.hasOwn(topics, name) ? topics[name] : undefined;
  if (topic !== undefined) {
    const words = rest.filter((word) => word !== undefined);
    context.out.print(topic.text(words, helpWidth(context.io.stdout)));
    return 0;
  }
  const near = Object.hasOwn(commands, name) ? undefined : suggest(name, Object.keys(topics));
  if (near !== undefined) {
    throw new Failure("usage/unknown-command", `there is no help on "${name}"`, {
      hint: `orch help ${near}`,
    });
  }
  const command = await entryOf(name).load();
  const operands = rest.filter((word): word is string => word !== undefined && !word.startsWith("-"));
  return command.execute(context, [...operands, "--help"]);
}

const globalFlags: ReadonlySet<string> = new Set(["--json", "-q", "--quiet", "--no-color", "--no-autostart"]);

/** Flags may stand before the command, too: they are handed on to it. */
function splitCommand(argv: readonly string[]): {
  leading: string[];
  name: string | undefined;
  rest: string[];
} {
  const at = argv.findIndex((word) => !word.startsWith("-"));
  if (at < 0) return { leading: [...argv], name: undefined, rest: [] };
  return { leading: argv.slice(0, at), name: argv[at], rest: argv.slice(at + 1) };
}

function entryOf(name: string): CommandEntry {
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry !== undefined) return entry;
  const near = suggest(name, Object.keys(commands));
  const meant = Object.hasOwn(otherWords, name) ? otherWords[name] : undefined;
  throw new Failure("usage/unknown-command", `unknown command "${name}"`, {
    hint: `orch ${meant ?? near ?? "--help"}`,
  });
}

function nearestFlag(flag: string): string {
  const near = suggest(flag, [...globalFlags, "--help", "--version"]);
  return near === undefined ? "orch --help" : `did you mean ${near}?`;
}

function isHelp(word: string): boolean {
  return word === "--help" || word === "-h";
}

/** What stands behind `--` belongs to somebody else. */
function beforeDashes(argv: readonly string[]): readonly string[] {
  const at = argv.indexOf("--");
  return at < 0 ? argv : argv.slice(0, at);
}
