import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "../..");

/** The NVML helper as a program that plain node runs, built from source as the package's build does it. */
export interface BundledHelper {
  readonly path: string;
  remove(): Promise<void>;
}

/** Bundles src/gpu/nvml/nvml-helper.ts, or the one of AMD. It lies under node_modules so that it finds koffi there. */
export async function bundleNvmlHelper(
  program: "nvml-helper" | "amd-helper" = "nvml-helper",
): Promise<BundledHelper> {
  const cache = join(root, "node_modules/.cache");
  await mkdir(cache, { recursive: true });
  const dir = await mkdtemp(join(cache, "orch-helper-"));
  const path = join(dir, `${program}.mjs`);
  await build({
    entryPoints: [join(root, `src/gpu/${program === "amd-helper" ? "amd" : "nvml"}/${program}.ts`)],
    outfile: path,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["koffi"],
  });
  return { path, remove: () => rm(dir, { recursive: true, force: true }) };
}
