import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const repository = join(import.meta.dirname, "../..");

function check(root: string): { status: number | null; stderr: string } {
  const args = [join(repository, "scripts/faults.mjs"), "--check", "--root", root];
  return spawnSync(process.execPath, args, { encoding: "utf8" });
}

describe("the faults", () => {
  it("have a test each, and the page that lists them is as the tests say", () => {
    expect(check(repository)).toMatchObject({ stderr: "", status: 0 });
  });

  it("without a test are found, and tests of faults that are not in the table, and a stale page", () => {
    const root = mkdtempSync(join(tmpdir(), "orch-faults-"));
    try {
      mkdirSync(join(root, "test"));
      const names = Array.from({ length: 56 }, (_, index) => index + 1).filter((number) => number !== 7);
      const tests = [...names, 999].map((number) => `it("[fault ${number}]");`);
      writeFileSync(join(root, "test", "some.test.ts"), tests.join("\n"));
      const { status, stderr } = check(root);
      expect(status).toBe(1);
      expect(stderr.trim().split("\n")).toEqual([
        expect.stringMatching(/^fault 7 has no test: /),
        "there is no fault 999",
        "docs/faults.md is stale: npm run faults",
      ]);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
