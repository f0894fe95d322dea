// `npm test [FILTER…]`: install what is missing, build, check, run all tests. With filters only those test files run.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { buildMissing, installMissing, run } from "./install.mjs";

installMissing();
buildMissing();
const filters = process.argv.slice(2);
if (filters.length === 0) run(process.execPath, ["scripts/check.mjs"]);

const report = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "orch-report-")), "report.json");
const { status } = spawnSync(
  "npx",
  ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...filters],
  { cwd: new URL("..", import.meta.url), stdio: "inherit" },
);
process.exitCode = status ?? 1;

if (fs.existsSync(report)) {
  const { numPassedTests, numFailedTests, numPendingTests, numTotalTests } = JSON.parse(
    fs.readFileSync(report, "utf8"),
  );
  if (numTotalTests === 0) process.exitCode = 1;
  process.stdout.write(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped\n`);
}
fs.rmSync(path.dirname(report), { recursive: true, force: true });
