import { type Command, type Parser, parse } from "../../src/cli/command.ts";
import { commands } from "../../src/cli/commands.ts";
import { splitShellLine } from "../../src/cli/complete/shell-line.ts";
import { createContext } from "../../src/cli/context.ts";
import { createOutput } from "../../src/cli/output.ts";
import { describeParams } from "../../src/cli/submit/param-flags.ts";
import { captureIo } from "./captured-io.ts";
import { sdxl } from "./sample-views.ts";

/** The command lines of orch in a line of shell: also those behind a pipe, and within $( ). */
function orchLines(line: string): string[][] {
  const inner = [...line.matchAll(/\$\((orch [^)]*)\)/g)].flatMap((match) => orchLines(match[1] ?? ""));
  const outer = line.replace(/\$\([^)]*\)/g, "42").replace(/ {2,}.*$| # .*$/, "");
  const own = outer.split(/ (?:\||\|\||&&|;) |; /).flatMap((part) => {
    const { before } = splitShellLine(`${part.trim()} `);
    const at = before.indexOf("orch");
    const isFirst = before
      .slice(0, Math.max(0, at))
      .every((word) => /^[A-Z_]+=/.test(word) || word === "eval");
    const end = before.findIndex((word) => /^[0-9]?[<>]/.test(word));
    return at < 0 || !isFirst ? [] : [before.slice(at + 1, end < 0 ? undefined : end)];
  });
  return [...own, ...inner];
}

/**
 * Parses the command lines of orch in a line of shell with the parsers of the commands; throws as they do for what they
 * do not know. Gives how many there were. The params of submit are those of the sample runtime, whatever it names.
 */
export async function parseLine(line: string): Promise<number> {
  const captured = captureIo();
  const out = await createOutput(captured.io, { json: false, quiet: false }, false);
  const context = createContext(captured.io, out, new AbortController().signal, false);
  const lines = orchLines(line);
  for (const words of lines) {
    const { command, rest } = await commandOf(words, line);
    const parser = command.declare(context);
    if (command.name === "submit") addParams(parser);
    parse(parser, rest);
  }
  return lines.length;
}

function addParams(parser: Parser): void {
  describeParams(parser, sdxl, parser.options);
  for (const param of ["--model <file>", "--text <text>", "--seed <number>"]) parser.option(param);
}

async function commandOf(
  words: readonly string[],
  line: string,
): Promise<{ command: Command; rest: string[] }> {
  const at = words.findIndex((word) => !word.startsWith("-"));
  const name = words[at] ?? "";
  if (at < 0 || name === "help") return commandOf(["ls"], line);
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) throw new Error(`there is no command "${name}" in: ${line}`);
  const command = await entry.load();
  const rest = [...words.slice(0, at), ...words.slice(at + 1)];
  const second = words[at + 1];
  if (command.members === undefined || second === undefined || second.startsWith("-"))
    return { command, rest };
  const member = command.members.find((candidate) => candidate.name === `${name} ${second}`);
  if (member === undefined) throw new Error(`there is no command "${name} ${second}" in: ${line}`);
  return { command: member, rest: [...words.slice(0, at), ...words.slice(at + 2)] };
}
