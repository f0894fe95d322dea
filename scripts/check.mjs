// Every rule of STYLE.md that a program can check. All run, so that one look shows everything that is wrong.
import { spawn } from "node:child_process";
import { installMissing } from "./install.mjs";

installMissing();

const checks = [
  ["types", "npx", ["tsc", "--noEmit", "-p", "."]],
  ["types of the page", "npx", ["tsc", "--noEmit", "-p", "test/web"]],
  ["format and lint", "npx", ["biome", "check", "--error-on-warnings", "."]],
  ["lint with types", "npx", ["eslint", "--max-warnings", "0", "."]],
  ["import rules", "npx", ["depcruise", "--config", ".dependency-cruiser.cjs", "src"]],
  ["nothing unused", "npx", ["knip"]],
  ["a test for every fault", process.execPath, ["scripts/faults.mjs", "--check"]],
];

const failed = [];
for (const [name, program, args] of checks) {
  const { code, output } = await capture(program, args);
  process.stdout.write(`${code === 0 ? "ok  " : "FAIL"}  ${name}\n`);
  if (code === 0) continue;
  failed.push(name);
  process.stdout.write(`${output}\n`);
}
if (failed.length > 0) {
  process.stderr.write(`error: ${failed.join(", ")} failed\n`);
  process.exit(1);
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
