// `npm run bench [-- NAMES…] [--quick]`: runs the programs of bench/ and prints each figure next to its target and to
// what this machine gives without orch. Nothing fails for being slow; only for not running.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { fileURLToPath } from "node:url";
import { buildMissing, installMissing } from "./install.mjs";

installMissing();
if (!process.env.ORCH_BENCH_BIN) buildMissing();
const { build } = await import("esbuild");

const root = fileURLToPath(new URL("..", import.meta.url));
const args = process.argv.slice(2);
const wanted = args.filter((arg) => !arg.startsWith("-"));
const known = fs
  .readdirSync(path.join(root, "bench"))
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.slice(0, -3));
const strange = wanted.find((name) => !known.includes(name));
if (strange !== undefined) {
  process.stderr.write(`error: no benchmark "${strange}"\n  try: one of ${known.join(", ")}\n`);
  process.exit(2);
}
const names = wanted.length > 0 ? wanted : known;

const WIDTHS = [48, 24, 34];
const row = (...cells) =>
  process.stdout.write(
    `${cells
      .map((cell, at) => cell.padEnd(WIDTHS[at] ?? 0))
      .join("  ")
      .trimEnd()}\n`,
  );

const { model } = os.cpus()[0] ?? { model: "unknown processor" };
const load = os.loadavg()[0] ?? 0;
process.stdout.write(
  `Node ${process.versions.node}, ${os.availableParallelism()} × ${model}, load ${load.toFixed(1)} before\n\n`,
);
row("     figure", "target", "measured", "baseline");

// Inside the package, so that native modules are found.
fs.mkdirSync(path.join(root, "node_modules", ".cache"), { recursive: true });
const out = fs.mkdtempSync(path.join(root, "node_modules", ".cache", "orch-bench-"));
let missed = 0;
const broken = [];
try {
  await build({
    entryPoints: names.map((name) => path.join(root, "bench", `${name}.ts`)),
    outdir: out,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "error",
  });
  for (const name of names) if (!(await runProgram(name))) broken.push(name);
} finally {
  fs.rmSync(out, { recursive: true, force: true });
}
if (missed > 0) process.stdout.write(`\n${missed} of the targets not met on this machine, this time\n`);
if (broken.length > 0) {
  process.stderr.write(`error: ${broken.join(", ")} did not run\n`);
  process.exitCode = 1;
}

/** Each program is a process of its own: what one leaves in memory must not slow the next. */
function runProgram(name) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--expose-gc", path.join(out, `${name}.mjs`), ...args], {
      env: { ...process.env, ORCH_BENCH_ROOT: root },
      stdio: ["ignore", "pipe", "inherit"],
    });
    readline.createInterface({ input: child.stdout }).on("line", show);
    child.once("close", (code) => resolve(code === 0));
  });
}

function show(line) {
  const figure = JSON.parse(line);
  if (figure.met === false) missed += 1;
  const mark = figure.met === null ? "    " : figure.met ? "ok  " : "MISS";
  row(`${mark} ${figure.name}`, figure.target, figure.measured, figure.baseline);
}
