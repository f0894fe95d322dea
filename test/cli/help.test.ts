import { describe, expect, it } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { filterExamples } from "../../src/cli/help/filters.ts";
import { otherWords } from "../../src/cli/help/other-words.ts";
import { topics } from "../../src/cli/help/topics.ts";
import { introduction } from "../../src/cli/help-layout.ts";
import { widthOf } from "../../src/cli/text/width.ts";
import { jobFields } from "../../src/protocol/list-fields.ts";
import { Failure, failureTable } from "../../src/std/failure.ts";
import { parseFilter } from "../../src/std/filter/parse-filter.ts";
import { serveAnswers } from "../client/socket-server.ts";
import { orch } from "./captured-io.ts";
import { parseLine } from "./parse-line.ts";

const nobody = { socket: "/nonexistent/orch.sock" };

/** Every command and subcommand by the words it is called with. */
async function everyCommand(): Promise<string[][]> {
  const loaded = await Promise.all(Object.entries(commands).map(async ([, entry]) => entry.load()));
  return loaded
    .flatMap((command) => [command, ...(command.members ?? [])])
    .map(({ name }) => name.split(" "));
}

const tooWide = (text: string, columns: number): string[] =>
  text.split("\n").filter((line) => widthOf(line) > columns);

describe("help", () => {
  it("fits into 80 columns where nobody says how wide it may be, and into a terminal that is narrower", async () => {
    const pages = [["--help"], ...(await everyCommand()).map((words) => [...words, "--help"])];
    for (const argv of [...pages, ...Object.keys(topics).map((topic) => ["help", topic])]) {
      const { code, stdout } = await orch(argv, nobody);
      expect({ argv, code, tooWide: tooWide(stdout, 80) }).toEqual({ argv, code: 0, tooWide: [] });
    }
    expect(tooWide((await orch(["--help"], { ...nobody, columns: 60 })).stdout, 60)).toEqual([]);
  });

  it("of every command begins with what it does and examples, before the flags", async () => {
    for (const words of await everyCommand()) {
      const { stdout } = await orch([...words, "--help"], nobody);
      const examples = stdout.indexOf("Examples:\n");
      expect(examples, words.join(" ")).toBeGreaterThan(0);
      expect(stdout, words.join(" ")).toMatch(new RegExp(`orch ${words.join(" ")}`));
      const flags = stdout.search(/^(Options|Output|Commands):$/m);
      expect(flags, words.join(" ")).toBeGreaterThan(examples);
    }
  });

  it("breaks an example that is too long as a shell would read it on", () => {
    expect(introduction("What.", ["orch run --gpus 1 'a b c d' -- x   # why so"], 24).split("\n")).toEqual([
      "What.",
      "",
      "Examples:",
      "  # why so",
      "  orch run --gpus 1 \\",
      "    'a b c d' -- x",
    ]);
  });

  it("has examples that its own parsers understand", async () => {
    const loaded = await Promise.all(Object.values(commands).map(({ load }) => load()));
    const examples = loaded
      .flatMap((command) => [command, ...(command.members ?? [])])
      .flatMap((each) => each.examples);
    expect(examples.length).toBeGreaterThan(60);
    for (const example of examples) {
      const parsed = await parseLine(example).catch((error: unknown) => String(error));
      expect({ example, parsed }).toEqual({ example, parsed: expect.any(Number) });
    }
  });

  it("would find an example that is wrong", async () => {
    await expect(parseLine("orch ls --stat failed")).rejects.toThrow("unknown option '--stat'");
    await expect(parseLine("orch cancel $(orch lss -q)")).rejects.toThrow('no command "lss"');
    await expect(parseLine("orch ls -q | xargs orch cancel; orch workers strat x")).rejects.toThrow(
      "workers strat",
    );
  });
});

describe("topics", () => {
  it.each(Object.keys(topics))("%s is printed by orch help, and listed in orch --help", async (topic) => {
    const { code, stdout, stderr } = await orch(["help", topic], nobody);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n").length).toBeGreaterThan(10);
    expect((await orch(["--help"], nobody)).stdout).toMatch(new RegExp(`^  ${topic} `, "m"));
  });

  it("are suggested when they are mistyped", async () => {
    const run = await orch(["help", "exit-code"], nobody);
    expect(run.stderr).toBe('error: there is no help on "exit-code"\n  try: orch help exit-codes\n');
    expect((await orch(["help", "canecl"], nobody)).stderr).toContain("try: orch cancel");
  });

  it("words of other tools are understood as what they mean here", async () => {
    for (const [word, meant] of Object.entries(otherWords)) {
      expect(commands, word).not.toHaveProperty(word);
      expect(commands, meant).toHaveProperty(meant);
      expect((await orch([word], nobody)).stderr).toBe(
        `error: unknown command "${word}"\n  try: orch ${meant}\n`,
      );
    }
  });

  it("errors explains one code", async () => {
    const { stdout } = await orch(["help", "errors", "job/state"], nobody);
    expect(stdout).toMatch(/^job\/state\n\n/);
    expect(stdout).toContain("What to do: ");
    expect(stdout).toContain("Exit code 6, HTTP status 409.");
    for (const code of Object.keys(failureTable))
      expect((await orch(["help", "errors", code], nobody)).code).toBe(0);
    expect(await orch(["help", "errors", "job/sate"], nobody)).toMatchObject({
      code: 2,
      stderr: 'error: there is no error code "job/sate"\n  try: orch help errors job/state\n',
    });
  });

  it.each(filterExamples)("filters: %s", (filter) => {
    const clock = { nowMs: Date.parse("2026-06-01T00:00:00Z"), timeZone: "UTC" };
    expect(parseFilter(filter, jobFields, clock)).toBeDefined();
  });

  it("environment names every variable of orch that the sources read or set", async () => {
    const { stdout } = await orch(["help", "environment"], nobody);
    for (const name of await orchVariables()) expect(stdout, name).toContain(name);
  });
});

/** Not for people: how parts of orch talk to each other, or what tests set. */
const internal = /^ORCH_(START_REPORT|SYSFS|FAILED|VAR_|CPU_CORES|RUN_\w+|SWEEP_)$/;

async function orchVariables(): Promise<string[]> {
  const { execFileSync } = await import("node:child_process");
  const found = execFileSync("git", ["grep", "-hoE", "--untracked", "\\bORCH_[A-Z_]+", "--", "src/*.ts"], {
    encoding: "utf8",
  });
  return [...new Set(found.split("\n"))].filter((name) => name !== "" && !internal.test(name));
}

describe("an error", () => {
  const answers = {
    "GET /jobs/:job": () => {
      throw new Failure("job/unknown", "there is no job 5");
    },
  };

  it("names its code with ORCH_DEBUG or --json only", async () => {
    await using server = await serveAnswers(answers);
    const text = async (argv: string[], env = {}) =>
      (await orch(argv, { socket: server.socket, env })).stderr;
    expect(await text(["show", "5"])).toBe("error: there is no job 5\n");
    expect(await text(["show", "5"], { ORCH_DEBUG: "1" })).toContain(
      "\n  code: job/unknown; orch help errors job/unknown\n",
    );
    expect(await text(["show", "5", "--json"])).toContain('"code":"job/unknown"');
  });
});
