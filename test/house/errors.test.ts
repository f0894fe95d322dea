import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { errorsPage } from "../../src/cli/help/errors-page.ts";
import { exitCodes } from "../../src/cli/help/exit-codes.ts";
import { failureTexts } from "../../src/cli/help/failure-texts.ts";
import { failureTable } from "../../src/std/failure.ts";

/** The codes that the sources name outside of the two tables. */
function usedCodes(): Set<string> {
  const files = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "--", "src/**/*.ts"], {
    encoding: "utf8",
  });
  const others = files
    .split("\n")
    .filter((file) => file !== "" && !/^src\/(std\/failure|cli\/help\/failure-texts)\.ts$/.test(file));
  const texts = others.map((file) => {
    try {
      return readFileSync(file, "utf8");
    } catch {
      return ""; // Listed, but removed.
    }
  });
  return new Set(texts.join("\n").match(/(?<=")([a-z]+\/[a-z-]+|interrupted|bug)(?=")/g));
}

const codes = Object.keys(failureTable);

/** What the texts and the table lack of each other. */
function differences(table: readonly string[], texts: readonly string[]): string[] {
  return [
    ...table.filter((code) => !texts.includes(code)).map((code) => `${code} has no text in failure-texts.ts`),
    ...texts.filter((code) => !table.includes(code)).map((code) => `there is no code ${code}`),
  ];
}

describe("error codes", () => {
  it("have a cause and a remedy each, and there are none of others", () => {
    expect(differences(codes, Object.keys(failureTexts))).toEqual([]);
  });

  it("a code without a text, and a text without a code, would be found", () => {
    expect(differences(["a/new", "a/b"], ["a/b", "a/old"])).toEqual([
      "a/new has no text in failure-texts.ts",
      "there is no code a/old",
    ]);
  });

  it("are all in use", () => {
    const used = usedCodes();
    expect(codes.filter((code) => !used.has(code) && code !== "bug")).toEqual([]);
  });

  it("are in docs/errors.md as the texts say; if not: npm run generate", () => {
    expect(readFileSync("docs/errors.md", "utf8")).toBe(errorsPage());
  });

  it("have exit codes that are explained, and all of these are in use", () => {
    const mapped = new Set(Object.values(failureTable).map(({ exit }) => exit as number));
    const explained = exitCodes.map(([code]) => code);
    expect([...mapped].filter((code) => !explained.includes(code))).toEqual([]);
    expect(explained.filter((code) => code !== 0 && !mapped.has(code))).toEqual([]);
  });
});
