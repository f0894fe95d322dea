import path from "node:path";
import { build } from "esbuild";

/** Bundles bench/gpu into `folder` with all that it needs. @returns the path of the program */
export async function bundleGpuBench(root, folder) {
  const outfile = path.join(folder, "gpu-bench.mjs");
  await build({
    entryPoints: [path.join(root, "bench", "gpu", "main.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "error",
  });
  return outfile;
}
