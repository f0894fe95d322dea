import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Command } from "../../../src/cli/command.ts";
import { commands } from "../../../src/cli/commands.ts";
import { goldenCases } from "./golden-cases.ts";
import { goldenFile, type Kind, kindsIn } from "./golden-file.ts";
import { programCases } from "./program-cases.ts";

/** What a command has no golden output of, and why. */
const exceptions: Readonly<Record<string, Partial<Record<Kind, string>>>> = {
  attach: { json: "the terminal of the job is on its stdout" },
  shell: { json: "a terminal is on its stdout" },
  exec: { json: "what the command writes is on its stdout" },
  daemon: { json: "it prints nothing on stdout" },
  completion: { json: "a script for the shell is on its stdout" },
  "service logs": { json: "journalctl writes on its stdout" },
};

const kinds: readonly Kind[] = ["text", "json", "error"];

function shownOf(name: string): ReadonlySet<Kind> {
  const file = join(import.meta.dirname, goldenFile(name));
  return existsSync(file) ? kindsIn(readFileSync(file, "utf8")) : new Set();
}

/** Every command, those of a group by two words, and `orch` alone. */
async function commandNames(): Promise<string[]> {
  const all: Command[] = await Promise.all(Object.values(commands).map((entry) => entry.load()));
  return ["", ...all.flatMap(({ name, members }) => members?.map((member) => member.name) ?? [name])];
}

it("every command has a golden text, a golden document and a golden error, but for what is listed with its reason", async () => {
  const missing = (await commandNames()).flatMap((name) =>
    kinds
      .filter((kind) => !shownOf(name).has(kind) && exceptions[name]?.[kind] === undefined)
      .map((kind) => `${name}: ${kind}`),
  );
  expect(missing).toEqual([]);
});

it("every exception is of a command that is there, has a reason, and is needed still", async () => {
  const names = await commandNames();
  const stale = Object.entries(exceptions).flatMap(([name, excused]) =>
    Object.entries(excused).filter(
      ([kind, reason]) => !names.includes(name) || reason.length < 10 || shownOf(name).has(kind as Kind),
    ),
  );
  expect(stale).toEqual([]);
});

it("every golden file belongs to a case", () => {
  const files = new Set([...Object.keys(goldenCases), ...programCases].map(goldenFile));
  const found = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".txt"));
  expect(found.filter((name) => !files.has(name))).toEqual([]);
});

it.each([
  ["nothing", "", []],
  ["a text", "$ orch ls -a [0]\nID\n", ["text"]],
  ["a document and an error", "$ orch ls --json [0]\n{}\n\n$ orch ls --jsn [2]\n", ["json", "error"]],
  ["a narrow one alone", "$ orch ls --no-color [0, 40 columns]\nID\n", []],
  ["--json of a command that is run", "$ orch run -- jq --json [0]\n", ["text"]],
])("a file with %s", (_what, text, expected) => {
  expect([...kindsIn(text)]).toEqual(expected);
});
