import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "../..");
let built: Promise<string> | undefined;

/**
 * Path of a program that is orch as the sources are now: `node <path> daemon`, `node <path> ls` … Built once per test
 * process, whatever dist/ holds, and removed when that process ends. It lies under node_modules, so that it finds
 * its packages, and below the project's own package.json, so that it finds what is shipped with it.
 */
export function bundleOrch(): Promise<string> {
  built ??= bundle();
  return built;
}

async function bundle(): Promise<string> {
  const cache = join(root, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const dir = mkdtempSync(join(cache, "orch-host-"));
  process.once("exit", () => rmSync(dir, { recursive: true, force: true }));
  await build({
    entryPoints: [join(root, "test/kit/host-program.ts")],
    outdir: dir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20",
    logLevel: "error",
  });
  return join(dir, "host-program.mjs");
}
