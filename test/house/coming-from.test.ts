import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseLine } from "../cli/parse-line.ts";

const document = readFileSync("docs/coming-from.md", "utf8");

/** The lines of orch in the last column of the tables. */
function linesOf(text: string): string[] {
  const rows = text.split("\n").filter((line) => /^\|.*\|$/.test(line));
  const cells = rows.map((row) => row.replaceAll("\\|", "\0").split("|").at(-2)?.replaceAll("\0", "|") ?? "");
  return cells.flatMap((cell) => [...cell.matchAll(/`(orch [^`]*)`/g)].map((match) => match[1] ?? ""));
}

describe("docs/coming-from.md", () => {
  const lines = linesOf(document);

  it("has a table for each of those that people come from", () => {
    const titles = [...document.matchAll(/^## (.*)$/gm)].map((match) => match[1]);
    expect(titles).toEqual(["Slurm", "pueue", "task-spooler", "gflow", "llama-swap", "Ollama"]);
    expect(lines.length).toBeGreaterThan(90);
  });

  it.each([...new Set(lines)])("%s is a command line of orch", async (line) => {
    expect(await parseLine(line)).toBeGreaterThan(0);
  });

  it("would notice one that is not", async () => {
    await expect(parseLine("orch run -d --depends-on 12 -- x")).rejects.toThrow(
      "unknown option '--depends-on'",
    );
    await expect(parseLine("orch retry $(orch ls -q --stat failed)")).rejects.toThrow(
      "unknown option '--stat'",
    );
    expect(linesOf("| a | `orch ls \\| wc` and `orch top` |")).toEqual(["orch ls | wc", "orch top"]);
  });
});
