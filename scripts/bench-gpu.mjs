// `npm run bench:gpu [-- --sizes 1,10,60]`: what switching costs on this host's GPU, as a table (bench/gpu). Where there is no GPU
// or no PyTorch it says so; with ORCH_REQUIRE_GPU=1 that is a failure.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { buildMissing, installMissing } from "./install.mjs";

installMissing();
if (!process.env.ORCH_BENCH_BIN) buildMissing();
const { bundleGpuBench } = await import("./bundle-gpu-bench.mjs");

const root = fileURLToPath(new URL("..", import.meta.url));
const cache = path.join(root, "node_modules", ".cache");
fs.mkdirSync(cache, { recursive: true });
const out = fs.mkdtempSync(path.join(cache, "orch-bench-gpu-"));
try {
  const program = await bundleGpuBench(root, out);
  const { status } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], {
    env: { ...process.env, ORCH_BENCH_ROOT: root },
    stdio: "inherit",
  });
  process.exitCode = status ?? 1;
} finally {
  fs.rmSync(out, { recursive: true, force: true });
}
