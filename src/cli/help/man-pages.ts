import type { Option } from "commander";
import { packageVersion } from "../../std/package-version.ts";
import type { Command, Parser } from "../command.ts";
import { commandGroups, commands } from "../commands.ts";
import { createContext } from "../context.ts";
import { sharedFlags } from "../help.ts";
import { processIo } from "../io.ts";
import { createOutput } from "../output.ts";
import { exitCodes } from "./exit-codes.ts";

/** Every manual page by the name of its file, from what the commands themselves say of their help. */
export async function manPages(): Promise<Readonly<Record<string, string>>> {
  const io = processIo({});
  const out = await createOutput(io, { json: false, quiet: false }, false);
  const context = createContext(io, out, new AbortController().signal, false);
  const declare = (command: Command): Parser => command.declare(context);
  const pages: Record<string, string> = { "orch.1": mainPage() };
  for (const [name, entry] of Object.entries(commands)) {
    const command = await entry.load();
    pages[`orch-${name}.1`] = commandPage(name, entry.summary, command, declare);
  }
  return pages;
}

function mainPage(): string {
  const groups = commandGroups.flatMap((group) => [
    `.SS ${text(group)}`,
    ...Object.entries(commands)
      .filter(([, entry]) => entry.group === group)
      .flatMap(([name, { summary }]) => [".TP", `.BR orch\\-${dashes(name)} (1)`, line(summary)]),
  ]);
  return page("orch", "GPU scheduler for one machine", [
    ".SH SYNOPSIS",
    ".B orch",
    ".I COMMAND",
    "[\\fIflags\\fR]",
    ".SH DESCRIPTION",
    line(
      "One daemon hands out exclusive leases on the GPUs of this machine, starts and stops model workers so that the right one is on the GPU, and runs commands between them. Commands start the daemon by themselves.",
    ),
    ".SH COMMANDS",
    ...groups,
    ".SH OPTIONS",
    ...definitions(sharedFlags),
    ".SH EXIT STATUS",
    ...definitions(exitCodes.map(([code, meaning]) => [String(code), meaning] as const)),
    ".SH ENVIRONMENT",
    line("orch help environment lists what steers orch, and what jobs find."),
    ".SH FILES",
    line("orch paths prints every path that orch uses."),
  ]);
}

function commandPage(
  name: string,
  summary: string,
  command: Command,
  declare: (command: Command) => Parser,
): string {
  const members = command.members ?? [command];
  const body = members.flatMap((member) => {
    const heading =
      members.length > 1 ? [`.SS orch ${text(member.name)}`, ...paragraphs(member.summary)] : [];
    return [...heading, ...optionLines(declare(member), members.length > 1)];
  });
  const hasJson = members.some(({ withoutJson }) => withoutJson === undefined);
  const about = members.length > 1 ? command.summary : (members[0]?.summary ?? summary);
  const examples = members.flatMap((member) => member.examples);
  return page(`orch-${name}`, summary, [
    ".SH SYNOPSIS",
    ...members.flatMap((member, index) => [...(index === 0 ? [] : [".br"]), ...synopsis(declare(member))]),
    ".SH DESCRIPTION",
    ...paragraphs(about),
    ...(body.length === 0 ? [] : [`.SH ${members.length > 1 ? "COMMANDS" : "OPTIONS"}`, ...body]),
    ".SH SHARED FLAGS",
    `.BR ${hasJson ? "\\-\\-json , " : ""}\\-\\-quiet , \\-\\-no\\-color , \\-\\-no\\-autostart`,
    "and their meaning are in",
    ".BR orch (1).",
    ...(examples.length === 0 ? [] : [".SH EXAMPLES", ".nf", ...examples.map(line), ".fi"]),
    ".SH SEE ALSO",
    ".BR orch (1)",
  ]);
}

function page(name: string, summary: string, body: readonly string[]): string {
  const title = `.TH ${dashes(name.toUpperCase())} 1 "" "orch ${text(packageVersion())}" "orch manual"`;
  const head = [".SH NAME", `${dashes(name)} \\- ${text(summary)}`];
  return `${[`.\\" Made by npm run generate; changes belong into the command's own file.`, title, ...head, ...body].join("\n")}\n`;
}

function synopsis(parser: Parser): string[] {
  const operands = parser.registeredArguments.map((argument) => {
    const name = `\\fI${text(argument.name())}\\fR${argument.variadic ? "..." : ""}`;
    return argument.required ? name : `[${name}]`;
  });
  return [`.B ${text(parser.name())}`, ["[\\fIflags\\fR]", ...operands].join(" ")];
}

/** Operands, then the flags group by group, as the help has them. */
function optionLines(parser: Parser, isMember: boolean): string[] {
  const operands = parser.registeredArguments
    .filter(({ description }) => description !== "")
    .map((argument) => [argument.name(), argument.description] as const);
  const shown = parser.options.filter((option) => !option.hidden);
  // What every command takes is in orch(1); the help's own groups become headings.
  const own = shown.filter((option) => option.helpGroupHeading !== "Output:");
  const headings = [...new Set(own.map((option) => option.helpGroupHeading))];
  const groups = headings.flatMap((heading) => {
    const title = heading === undefined || isMember ? [] : [`.SS ${text(heading.replace(/:$/, ""))}`];
    return [...title, ...definitions(own.filter((option) => option.helpGroupHeading === heading).map(rowOf))];
  });
  return [...definitions(operands), ...groups];
}

function rowOf(option: Option): readonly [string, string] {
  return [option.flags, option.description];
}

function definitions(rows: readonly (readonly [string, string])[]): string[] {
  return rows.flatMap(([name, meaning]) => [".TP", `.B ${text(name)}`, line(meaning)]);
}

function paragraphs(summary: string): string[] {
  return summary
    .split(/\n{2,}/)
    .flatMap((each, index) => [...(index === 0 ? [] : [".PP"]), ...each.split("\n").map(line)]);
}

/** A line that begins with a control character would be a command of the formatter. */
function line(words: string): string {
  const escaped = text(words);
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

/** As roff(7) reads it; what is not ASCII by its number, so that a page needs no particular locale. */
function text(words: string): string {
  return words
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti")
    .replaceAll('"', "\\(dq")
    .replace(
      /[^\x20-\x7e]/gu,
      (character) => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`,
    );
}

function dashes(name: string): string {
  return name.replaceAll("-", "\\-");
}
