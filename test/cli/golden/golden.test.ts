import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commands } from "../../../src/cli/commands.ts";
import { widthOf } from "../../../src/cli/text/width.ts";
import { errorOutput, jsonOutputs } from "../json/json-outputs.ts";
import { goldenCases } from "./golden-cases.ts";
import { goldenFile } from "./golden-file.ts";
import { printCase } from "./print-case.ts";

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

const isTable = (name: string): boolean => /(^| )ls$|^(quotas|history|stats)$/.test(name);

/** The line with --json, which stands before a command that has flags of its own. */
function withJson(argv: readonly string[]): string[] {
  const at = argv.indexOf("--");
  return at < 0 ? [...argv, "--json"] : [...argv.slice(0, at), "--json", ...argv.slice(at)];
}

/** What stands last on stderr. */
function errorIn(stderr: string): unknown {
  return JSON.parse(stderr.trim().split("\n").at(-1) ?? "");
}

/** Whether the command refuses --json. */
async function isWithoutJson(name: string): Promise<boolean> {
  const [first = ""] = name.split(" ");
  const command = Object.hasOwn(commands, first) ? await commands[first]?.load() : undefined;
  const leaf = command?.members?.find((member) => member.name === name) ?? command;
  return leaf?.withoutJson !== undefined;
}

describe("what is printed does not change unseen", () => {
  it.each(Object.entries(goldenCases))("orch %s", async (name, golden) => {
    const { argv, wrong, answers } = golden;
    const refusesJson = await isWithoutJson(name);
    const failing = wrong.argv ?? argv;
    const table = await printCase(golden, argv);
    const json = await printCase(golden, withJson(argv));
    const failed = await printCase(
      golden,
      refusesJson ? failing : withJson(failing),
      wrong.answers ?? answers,
    );
    const narrow = isTable(name) ? [await printCase(golden, [...argv, "--no-color"], answers, 40)] : [];
    const sections = [table, json, failed, ...narrow].map(({ text }) => text);
    await expect(sections.join("\n")).toMatchFileSnapshot(join(import.meta.dirname, goldenFile(name)));

    expect([failed.stdout, failed.code]).toEqual(["", expect.toSatisfy((code: number) => code > 0)]);
    if (refusesJson) {
      expect([json.code, json.stdout]).toEqual([2, ""]);
      expect(errorOutput.parse(errorIn(json.stderr)).error.code).toBe("usage/invalid");
      return;
    }
    expect(errorOutput.safeParse(errorIn(failed.stderr)).error).toBeUndefined();
    const { schema, isLines = false } = jsonOutputs[golden.of ?? name] ?? {};
    expect(schema, "its --json is described in json-outputs.ts").toBeDefined();
    const documents = isLines ? json.stdout.trim().split("\n") : [json.stdout];
    for (const document of documents) expect(schema?.safeParse(JSON.parse(document)).error).toBeUndefined();
  });
});

describe.each([30, 40, 60, 100])("on a terminal of %i columns", (columns) => {
  it("no line of a list is broken", async () => {
    for (const [name, golden] of Object.entries(goldenCases)) {
      if (!isTable(name)) continue;
      const { stdout } = await printCase(golden, [...golden.argv, "--no-color"], golden.answers, columns);
      for (const line of stdout.split("\n"))
        expect([name, line, widthOf(line) <= columns]).toEqual([name, line, true]);
      expect(stdout.split("\n").length).toBeGreaterThan(2);
    }
  });
});
