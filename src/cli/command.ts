import { CommanderError, Option, Command as Parser } from "commander";
import { Failure } from "../std/failure.ts";
import { suggest } from "../std/suggest.ts";
import type { Context } from "./context.ts";
import { groupHelp, helpWidth, introduction } from "./help-layout.ts";

export type { Parser };

/** A command as the table of commands sees it. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly examples: readonly string[];
  /** The commands of a group. */
  readonly members?: readonly Command[];
  /** Why it has no --json, where it has none. */
  readonly withoutJson?: WithoutJson;
  /** What it takes, declared; of a group: what it takes without a second word. */
  declare(context: Context): Parser;
  /** Runs it with the arguments after its name; resolves with the exit code. */
  execute(context: Context, argv: readonly string[]): Promise<number>;
}

/** Of a command that prints no document of its own: --json is refused with it, for that would be a promise. */
export interface WithoutJson {
  /** What is on its stdout instead. */
  readonly why: string;
  /** What to type instead. */
  readonly hint: string;
}

/** A command as its file writes it down. */
export interface CommandSpec<Options extends object> {
  readonly name: string;
  readonly summary: string;
  readonly examples: readonly string[];
  /** Declares arguments and flags; --json, -q and --no-color are there already. */
  readonly describe?: (parser: Parser) => void;
  readonly withoutJson?: WithoutJson;
  /** Resolves with the exit code, or with nothing for 0. */
  readonly run: (context: Context, args: readonly string[], options: Options) => Promise<number | undefined>;
}

/** A command from its description. Wrong usage becomes Failure usage/invalid, --help is printed to stdout. */
export function command<Options extends object>(spec: CommandSpec<Options>): Command {
  return {
    name: spec.name,
    summary: spec.summary,
    examples: spec.examples,
    ...(spec.withoutJson === undefined ? {} : { withoutJson: spec.withoutJson }),
    declare: (context) => createParser(spec, context),
    async execute(context, argv) {
      const parser = createParser(spec, context);
      if (!parse(parser, argv)) return 0;
      const options = parser.opts<Options & { json?: boolean; quiet?: boolean }>();
      context.out.format.json = options.json === true;
      context.out.format.quiet = options.quiet === true;
      if (options.json === true && spec.withoutJson !== undefined)
        throw new Failure("usage/invalid", `orch ${spec.name} has no --json`, spec.withoutJson);
      return (await spec.run(context, parser.args, options)) ?? 0;
    },
  };
}

/** A command of several words, e.g. `workers start`. The first word's command without a second word is `fallback`. */
export function commandGroup(
  name: string,
  summary: string,
  members: readonly Command[],
  fallback: Command,
): Command {
  const wordOf = (member: Command): string => member.name.slice(name.length + 1);
  return {
    name,
    summary,
    examples: [],
    members,
    declare: (context) => fallback.declare(context),
    async execute(context, argv) {
      const [word, ...rest] = argv;
      if (word === "help" || word === "--help" || word === "-h") {
        const group = { name, summary, aloneIs: fallback.name };
        context.out.print(groupHelp(group, members, helpWidth(context.io.stdout)));
        return 0;
      }
      if (word === undefined || word.startsWith("-")) return fallback.execute(context, argv);
      const member = members.find((candidate) => wordOf(candidate) === word);
      if (member !== undefined) return member.execute(context, rest);
      const near = suggest(word, members.map(wordOf));
      throw new Failure("usage/unknown-command", `unknown command "${name} ${word}"`, {
        hint: near === undefined ? `orch ${name} --help` : `orch ${name} ${near}`,
      });
    },
  };
}

/** A parser with the flags that all commands share, writing to our output and never exiting. */
export function createParser(
  spec: Pick<CommandSpec<object>, "name" | "summary" | "examples" | "describe" | "withoutJson">,
  context: Context,
): Parser {
  const parser = new Parser(`orch ${spec.name}`);
  parser.exitOverride();
  parser.configureOutput({
    writeOut: (text) => context.out.write(text),
    writeErr: () => {},
    outputError: () => {},
    getOutHasColors: () => false,
    getOutHelpWidth: () => helpWidth(context.io.stdout),
  });
  parser.description(introduction(spec.summary, spec.examples, helpWidth(context.io.stdout)));
  spec.describe?.(parser);
  parser.optionsGroup("Output:");
  const json = new Option("--json", "print JSON: one document, or one object a line for streams");
  parser.addOption(spec.withoutJson === undefined ? json : json.hideHelp());
  parser.option("-q, --quiet", "print ids only");
  parser.option("--no-color", "no colours");
  parser.option("--no-autostart", "fail instead of starting the daemon");
  parser.helpOption("-h, --help", "print this help");
  return parser;
}

/** Parses; false when that printed the help and nothing is left to do. @throws Failure usage/invalid */
export function parse(parser: Parser, argv: readonly string[]): boolean {
  try {
    parser.parse(argv, { from: "user" });
    return true;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return false;
    throw usageFailure(error, parser.name());
  }
}

/** The words of a command line that are no flags of ours, before and from the first unknown flag on. */
export function parseOperands(
  parser: Parser,
  argv: readonly string[],
): { operands: string[]; unknown: string[] } {
  try {
    return parser.parseOptions([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) throw usageFailure(error, parser.name());
    throw error;
  }
}

function usageFailure(error: CommanderError, name: string): Failure {
  const message = error.message.replace(/^error: /, "");
  const guess = /^(?<what>[\s\S]*)\n\(Did you mean (?<near>.*)\?\)$/.exec(message);
  const near = guess?.groups?.["near"];
  const choice =
    /^command-argument value '(.*)' is invalid for argument '(.*)'\. Allowed choices are (.*)\.$/.exec(
      message,
    );
  if (choice !== null) {
    const [, value, argument, choices] = choice;
    return new Failure("usage/invalid", `${argument}: unknown value "${value}"`, { hint: `use ${choices}` });
  }
  return new Failure("usage/invalid", (guess?.groups?.["what"] ?? message).trim(), {
    hint: near === undefined ? `${name} --help` : `did you mean ${near}?`,
  });
}
