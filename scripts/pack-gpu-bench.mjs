// `npm run bench:gpu:pack [-- FILE.tar.gz]`: packs the GPU benchmark for a machine that has a GPU and PyTorch, and neither Node nor a
// network: this Node, stripped, orch as built, what it needs of node_modules, and the benchmark. There:
//
//     tar xzf gpu-bench.tar.gz && gpu-bench/run
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildMissing, installMissing } from "./install.mjs";

const MAX_BYTES = 60e6;
const RUN = `#!/bin/sh
# Prints the table and writes gpu-bench.json; ORCH_BENCH_PYTHON names a Python with PyTorch, if it is not python3.
here=$(cd "$(dirname "$0")" && pwd)
ORCH_BENCH_ROOT=$here exec "$here/node" "$here/gpu-bench.mjs" "$@"
`;

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  // A built package other than this one.
  options: { package: { type: "string" } },
});
const target = path.resolve(positionals[0] ?? "gpu-bench.tar.gz");
installMissing();
if (values.package === undefined) buildMissing();
const { bundleGpuBench } = await import("./bundle-gpu-bench.mjs");
const built = values.package ?? root;

const stage = fs.mkdtempSync(path.join(os.tmpdir(), "orch-pack-"));
try {
  const folder = path.join(stage, "gpu-bench");
  fs.mkdirSync(path.join(folder, "bench", "gpu"), { recursive: true });
  for (const name of ["bin", "dist", "package.json"]) copy(path.join(built, name), path.join(folder, name));
  copy(path.join(root, "runtimes", "sdk"), path.join(folder, "runtimes", "sdk"));
  for (const name of fs.readdirSync(path.join(root, "bench", "gpu")))
    if (name.endsWith(".py"))
      copy(path.join(root, "bench", "gpu", name), path.join(folder, "bench", "gpu", name));
  copyPackages(path.join(folder, "node_modules"));
  await bundleGpuBench(root, folder);
  fs.copyFileSync(process.execPath, path.join(folder, "node"));
  execFileSync("strip", [path.join(folder, "node")]);
  fs.writeFileSync(path.join(folder, "run"), RUN, { mode: 0o755 });
  execFileSync("tar", ["-I", "gzip -3", "-cf", target, "-C", stage, "gpu-bench"]);
} finally {
  fs.rmSync(stage, { recursive: true, force: true });
}
const { size } = fs.statSync(target);
process.stdout.write(`${target}: ${(size / 1e6).toFixed(1)} MB\n`);
if (size > MAX_BYTES) {
  process.stderr.write(`error: it has more than ${MAX_BYTES / 1e6} MB\n`);
  process.exitCode = 1;
}

/** Without what nobody reads there. */
function copy(from, to) {
  const isNeeded = (file) => !/(\.map|\.md|\.d\.[cm]?ts|__pycache__)$/.test(file);
  fs.cpSync(from, to, { recursive: true, dereference: true, filter: isNeeded });
}

/** The packages that orch needs to run, and what those need. */
function copyPackages(to) {
  // A terminal is not needed, and neither is what fetches a build that is there.
  const left = new Set(["node-pty", "prebuild-install"]);
  const own = readPackage(root);
  const queue = [...Object.keys(own.dependencies), "koffi"];
  const seen = new Set(left);
  for (const name of queue) {
    const from = path.join(root, "node_modules", name);
    if (seen.has(name) || !fs.existsSync(from)) continue;
    seen.add(name);
    const { dependencies = {}, optionalDependencies = {} } = readPackage(from);
    queue.push(...Object.keys(dependencies), ...Object.keys(optionalDependencies));
    const parts =
      name === "better-sqlite3" ? ["package.json", "lib", "build/Release/better_sqlite3.node"] : [""];
    for (const part of parts) copy(path.join(from, part), path.join(to, name, part));
  }
}

function readPackage(folder) {
  return JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
}
