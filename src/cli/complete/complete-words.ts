import type { Argument, Option } from "commander";
import type { RuntimeView } from "../../protocol/views.ts";
import type { WordsReader } from "../arguments.ts";
import type { Command, Parser } from "../command.ts";
import { commands } from "../commands.ts";
import type { Context } from "../context.ts";
import { describeParams, flagName } from "../submit/param-flags.ts";
import { type Candidate, goingOn, type Offer, offerOf, plainWords, withHead } from "./candidate.ts";
import { helpOffer } from "./help-offer.ts";
import { type Ask, listOffer, paramPairOffer, paramValueOffer, valueOffer } from "./value-offers.ts";

/** What stands on the line: the words behind `orch`, and the beginning of the one that is being typed. */
export interface Typed {
  readonly before: readonly string[];
  readonly current: string;
  /** How many words stood before these: a command line can lie in another one. */
  readonly offset: number;
}

/** What may come next on a command line of orch. Never throws for what is typed; asks the daemon if need be. */
export async function completeWords(context: Context, typed: Typed, ask: Ask): Promise<Offer> {
  const at = typed.before.findIndex((word) => !word.startsWith("-"));
  if (at < 0) return goingOn(await firstWord(context, typed.current), typed.current);
  const name = typed.before[at] ?? "";
  const rest = { ...typed, before: typed.before.slice(at + 1), offset: typed.offset + at + 1 };
  if (name === "help") return goingOn(await helpOffer(rest.before), rest.current);
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) return offerOf();
  return goingOn(await inCommand(context, await entry.load(), rest, ask), rest.current);
}

async function firstWord(context: Context, current: string): Promise<Offer> {
  if (current.startsWith("-")) {
    const { overview } = await import("../commands/overview.ts");
    const flags = flagCandidates(overview.declare(context), []);
    return offerOf([...flags, { value: "--version", about: "print the version" }]);
  }
  const names = Object.entries(commands).map(([value, { summary }]) => ({ value, about: summary }));
  return offerOf([...names, { value: "help", about: "Help of a command or on a topic" }]);
}

async function inCommand(context: Context, command: Command, typed: Typed, ask: Ask): Promise<Offer> {
  const [word] = typed.before;
  const { members } = command;
  if (members === undefined || word?.startsWith("-")) return inLeaf(context, command, typed, ask);
  if (word === undefined && !typed.current.startsWith("-")) {
    return offerOf(members.map((member) => ({ value: lastWord(member.name), about: member.summary })));
  }
  const member = members.find((candidate) => lastWord(candidate.name) === word);
  if (word === undefined) return inLeaf(context, command, typed, ask);
  if (member === undefined) return offerOf();
  const rest = { ...typed, before: typed.before.slice(1), offset: typed.offset + 1 };
  return inLeaf(context, member, rest, ask);
}

function lastWord(name: string): string {
  return name.slice(name.lastIndexOf(" ") + 1);
}

async function inLeaf(context: Context, command: Command, typed: Typed, ask: Ask): Promise<Offer> {
  const parser = command.declare(context);
  const runtime = command.name === "submit" ? await addParams(parser, typed, ask) : null;
  const { operands, pending, inner, isPastFlags } = placeOf(parser, typed.before);
  const { current } = typed;
  if (inner !== undefined) {
    const rest = { ...typed, before: typed.before.slice(inner.at), offset: typed.offset + inner.at };
    return inner.argument === "command"
      ? { candidates: [], directive: { kind: "command", at: rest.offset } }
      : innerOffer(context, rest, ask);
  }
  const wanted = { command: command.name, typed: current, ask, runtime };
  if (pending !== undefined) return optionValue(pending, wanted);
  const [, flag = "", value] = /^(--[^=]+)=([\s\S]*)$/.exec(current) ?? [];
  if (!isPastFlags && value !== undefined) {
    const option = parser.options.find(({ long }) => long === flag);
    if (option === undefined || !takesValue(option)) return offerOf();
    const offer = await optionValue(option, { ...wanted, typed: value });
    return withHead(goingOn(offer, value), `${flag}=`);
  }
  if (!isPastFlags && current.startsWith("-")) return offerOf(flagCandidates(parser, typed.before));
  const argument = argumentAt(parser, operands.length);
  if (argument === undefined) return offerOf();
  if (argument.name() === "command")
    return { candidates: [], directive: { kind: "command", at: typed.offset + typed.before.length } };
  if (argument.argChoices !== undefined) return offerOf(plainWords(argument.argChoices));
  return valueOffer({ ...wanted, placeholder: argument.name(), flag: undefined });
}

/** What stands behind `schedule add LINE --`: a run or a submit. */
async function innerOffer(context: Context, inner: Typed, ask: Ask): Promise<Offer> {
  if (inner.before.length > 0) return completeWords(context, inner, ask);
  const verbs = ["run", "submit"] as const;
  return offerOf(verbs.map((value) => ({ value, about: commands[value]?.summary ?? "" })));
}

/** Declares the params of the runtime that a submit names, if it names one that is known. */
async function addParams(parser: Parser, typed: Typed, ask: Ask): Promise<RuntimeView | null> {
  const [name] = placeOf(parser, typed.before).operands;
  if (name === undefined) return null;
  const runtime = await ask((client) => client.call("GET /runtimes/:runtime", { runtime: name }));
  if (runtime !== null) describeParams(parser, runtime, parser.options);
  return runtime;
}

/** Where the words before lead to. */
interface Place {
  readonly operands: readonly string[];
  /** The flag whose value comes next. */
  readonly pending?: Option;
  /** The command line within this one, and the word it begins with. */
  readonly inner?: { readonly at: number; readonly argument: string };
  /** Whether it stands behind `--`. */
  readonly isPastFlags: boolean;
}

/** Reads the words before by the parser's own declarations. */
function placeOf(parser: Parser, before: readonly string[]): Place {
  const operands: string[] = [];
  let isPastFlags = false;
  let pending: Option | undefined;
  for (const [index, word] of before.entries()) {
    if (pending !== undefined) pending = undefined;
    else if (!isPastFlags && word === "--") isPastFlags = true;
    else if (!isPastFlags && word.startsWith("-") && word !== "-") pending = pendingOf(parser, word);
    else {
      const argument = innerArgument(parser, operands.length);
      if (argument !== undefined) return { operands, isPastFlags, inner: { at: index, argument } };
      operands.push(word);
    }
  }
  if (pending !== undefined) return { operands, isPastFlags, pending };
  const argument = innerArgument(parser, operands.length);
  return argument === undefined || !isPastFlags
    ? { operands, isPastFlags }
    : { operands, isPastFlags, inner: { at: before.length, argument } };
}

/** The name of the argument at this place if it is a command line of its own. */
function innerArgument(parser: Parser, operands: number): string | undefined {
  const name = argumentAt(parser, operands)?.name();
  return name === "command" || name === "words" ? name : undefined;
}

/** The option whose value comes next, when the word is one that has not brought it. */
function pendingOf(parser: Parser, word: string): Option | undefined {
  if (word.startsWith("--")) {
    const option = parser.options.find(({ long }) => long === word);
    return option !== undefined && takesValue(option) ? option : undefined;
  }
  // -n 5, and -dn 5; -n5 has its value already.
  for (let index = 1; index < word.length; index++) {
    const option = parser.options.find(({ short }) => short === `-${word[index]}`);
    if (option === undefined) return undefined;
    if (takesValue(option)) return index === word.length - 1 ? option : undefined;
  }
  return undefined;
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function argumentAt(parser: Parser, index: number): Argument | undefined {
  const last = parser.registeredArguments.at(-1);
  return parser.registeredArguments[index] ?? (last?.variadic === true ? last : undefined);
}

type ValueWanted = { command: string; typed: string; ask: Ask; runtime: RuntimeView | null };

function optionValue(option: Option, wanted: ValueWanted): Offer | Promise<Offer> {
  const { runtime, typed } = wanted;
  const param = runtime?.params.find(({ name }) => `--${flagName(name)}` === option.long);
  if (param !== undefined && isParam(option)) return paramValueOffer(param);
  if (runtime !== null && (option.long === "--param" || option.long === "--sweep"))
    return paramPairOffer(runtime, typed);
  const { words, isList } = (option.parseArg ?? {}) as Partial<WordsReader<unknown>>;
  if (words !== undefined) {
    const offer = offerOf(plainWords(words));
    return isList === true ? listOffer(typed, offer) : offer;
  }
  if (option.argChoices !== undefined) return offerOf(plainWords(option.argChoices));
  const placeholder = /[<[]([^\]>.=]+)/.exec(option.flags)?.[1] ?? "";
  return valueOffer({ ...wanted, placeholder, flag: option.long ?? option.short });
}

/** The flags that are left to be given, params first. One with a value may come again: some collect theirs. */
function flagCandidates(parser: Parser, before: readonly string[]): Candidate[] {
  const isLeft = (option: Option): boolean =>
    !option.hidden &&
    (takesValue(option) || !before.some((word) => word === option.long || word === option.short));
  const left = parser.options.filter(isLeft);
  const ordered = [...left.filter(isParam), ...left.filter((option) => !isParam(option))];
  const flags = ordered.flatMap(({ long, description }) =>
    long === undefined ? [] : [{ value: long, about: description }],
  );
  return [...flags, { value: "--help", about: "print the help" }];
}

/** Whether `describeParams` declared it. */
function isParam({ helpGroupHeading }: Option): boolean {
  return helpGroupHeading?.startsWith("Parameters of ") === true;
}
