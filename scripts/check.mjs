// Every rule of STYLE.md that a program can check. All run, so that one look shows everything that is wrong.
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { installMissing } from "./install.mjs";

installMissing();

// Those that take longest first: they run side by side.
const checks = [
  ["lint with types", "npx", ["eslint", "--max-warnings", "0", "."]],
  ["types", "npx", ["tsc", "--noEmit", "-p", "."]],
  ["types of the page", "npx", ["tsc", "--noEmit", "-p", "test/web"]],
  ["format and lint", "npx", ["biome", "check", "--error-on-warnings", "."]],
  ["import rules", "npx", ["depcruise", "--config", ".dependency-cruiser.cjs", "src"]],
  ["nothing unused", "npx", ["knip"]],
  ["a test for every fault", process.execPath, ["scripts/faults.mjs", "--check"]],
];

const failed = [];
const waiting = checks.values();
// No more than four at once: some of them take a GB of memory.
await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, runWaiting));
if (failed.length > 0) {
  process.stderr.write(`error: ${failed.join(", ")} failed\n`);
  process.exit(1);
}

async function runWaiting() {
  for (const [name, program, args] of waiting) {
    const { code, output } = await capture(program, args);
    process.stdout.write(`${code === 0 ? "ok  " : "FAIL"}  ${name}\n`);
    if (code === 0) continue;
    failed.push(name);
    process.stdout.write(`${output}\n`);
  }
}

function capture(program, args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: new URL("..", import.meta.url),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("close", (code) => resolve({ code, output }));
  });
}
