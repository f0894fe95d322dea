import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Command } from "../../../src/cli/command.ts";
import { commands } from "../../../src/cli/commands.ts";
import { type Answers, serveAnswers } from "../../client/socket-server.ts";
import { orch } from "../captured-io.ts";
import { errorOutput, jsonOutputs } from "../json/json-outputs.ts";
import { goldenCases } from "./golden-cases.ts";

// What every command prints, as files beside this one. After a change that is meant:
//   npx vitest run test/cli/golden -u

const { TZ } = process.env;
beforeAll(() => {
  process.env["TZ"] = "UTC";
});
afterAll(() => {
  if (TZ === undefined) delete process.env["TZ"];
  else process.env["TZ"] = TZ;
});

const root = join(import.meta.dirname, "../../..");

/** Commands whose output is not made of answers alone: their own tests show it. */
const elsewhere = new Set(
  "run attach shell wait edit top workers-switch schedule-add exec sim down daemon doctor bug-report completion".split(
    " ",
  ),
);
const isElsewhere = (name: string): boolean =>
  elsewhere.has(name.replaceAll(" ", "-")) || /^(service|config|keys) /.test(name);

interface Printed {
  readonly text: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs it, and gives all that it printed, with its exit code, as a section of the file. */
async function print(argv: readonly string[], answers: Answers, columns?: number): Promise<Printed> {
  await using server = await serveAnswers(answers);
  const options = { socket: server.socket, env: { HOME: "/home/ada" } };
  const { code, stdout, stderr } = await orch(
    argv,
    columns === undefined ? options : { ...options, columns },
  );
  const clean = (text: string): string =>
    text.replaceAll(server.socket, "/SOCKET").replaceAll(server.dir, "/DIR").replaceAll(root, "/PACKAGE");
  const errors = stderr === "" ? "" : `--- stderr\n${clean(stderr)}`;
  const width = columns === undefined ? "" : `, ${columns} columns`;
  const text = `$ orch ${argv.map((word) => (/^[\w./=-]+$/.test(word) ? word : `'${word}'`)).join(" ")} [${code}${width}]\n${clean(stdout)}${errors}`;
  return { text, stdout, stderr };
}

describe("what is printed does not change unseen", () => {
  it.each(Object.entries(goldenCases))("orch %s", async (name, { argv, answers, wrong }) => {
    const table = await print(argv, answers);
    const json = await print([...argv, "--json"], answers);
    const failed = await print([...(wrong.argv ?? argv), "--json"], wrong.answers ?? answers);
    expect(failed.stdout).toBe("");
    const narrow = name.endsWith(" ls") || name === "ls" || ["quotas", "history", "stats"].includes(name);
    const narrowed = narrow ? [(await print([...argv, "--no-color"], answers, 40)).text] : [];
    const file = join(import.meta.dirname, `${name === "" ? "orch" : name.replaceAll(/ -*/g, "-")}.txt`);
    await expect(
      [table, json, failed]
        .map(({ text }) => text)
        .concat(narrowed)
        .join("\n"),
    ).toMatchFileSnapshot(file);

    const { schema, isLines = false } = jsonOutputs[name] ?? {};
    expect(schema, "its --json is described in json-outputs.ts").toBeDefined();
    const documents = isLines ? json.stdout.trim().split("\n") : [json.stdout];
    for (const document of documents) expect(schema?.safeParse(JSON.parse(document)).error).toBeUndefined();
    expect(
      errorOutput.safeParse(JSON.parse(failed.stderr.trim().split("\n").at(-1) ?? "")).error,
    ).toBeUndefined();
  });

  it("of any command", async () => {
    const all: Command[] = await Promise.all(Object.values(commands).map((entry) => entry.load()));
    const names = all.flatMap(({ name, members }) => members?.map((member) => member.name) ?? [name]);
    expect(names.filter((name) => !isElsewhere(name) && goldenCases[name] === undefined)).toEqual([]);
    expect([...elsewhere].filter((name) => goldenCases[name.replace("-", " ")] !== undefined)).toEqual([]);
  });
});

describe.each([30, 40, 60, 100])("on a terminal of %i columns", (columns) => {
  it("no line of a list is broken", async () => {
    for (const [name, { argv, answers }] of Object.entries(goldenCases)) {
      if (!/(^| )ls$|^(quotas|history|stats)$/.test(name)) continue;
      const { stdout } = await print([...argv, "--no-color"], answers, columns);
      const { widthOf } = await import("../../../src/cli/text/width.ts");
      for (const line of stdout.split("\n"))
        expect([name, line, widthOf(line) <= columns]).toEqual([name, line, true]);
      expect(stdout.split("\n").length).toBeGreaterThan(2);
    }
  });
});
