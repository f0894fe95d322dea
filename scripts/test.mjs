// `npm test [FILTER…]`: install what is missing, build, check, run all tests. With filters only those test files run.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { buildMissing, installMissing } from "./install.mjs";

installMissing();
buildMissing();
const filters = process.argv.slice(2);
// Beside the tests, which wait more than they compute; it gets what they leave of the cores.
const checked =
  filters.length === 0 ? start(process.execPath, ["scripts/check.mjs"], 10) : Promise.resolve(0);

const report = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "orch-report-")), "report.json");
const status = await start("npx", [
  ...["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
  ...filters,
]);
process.exitCode = status || (await checked);

if (fs.existsSync(report)) {
  const { numPassedTests, numFailedTests, numPendingTests, numTotalTests } = JSON.parse(
    fs.readFileSync(report, "utf8"),
  );
  if (numTotalTests === 0) process.exitCode = 1;
  process.stdout.write(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped\n`);
}
fs.rmSync(path.dirname(report), { recursive: true, force: true });

/** Runs a program of this repository; `nice` as in nice(1). @returns its exit code */
function start(program, args, nice = 0) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: new URL("..", import.meta.url), stdio: "inherit" });
    if (nice > os.getPriority()) child.on("spawn", () => os.setPriority(child.pid, nice));
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? 1));
  });
}
