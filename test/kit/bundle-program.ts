import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll } from "vitest";

const root = join(import.meta.dirname, "../..");
const built = new Map<string, Promise<string>>();
const made: string[] = [];
// Declared first, so it runs last: after the hooks that end what runs from here. A worker of vitest is killed at its
// end, so its own exit could not do this.
afterAll(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
  built.clear();
});

/**
 * Makes a program that plain node runs from a TypeScript file: once per test file, and removed at its end. It
 * lies under node_modules, so that it finds its packages, and below the project's own package.json, so that it finds
 * what is shipped with it.
 */
export function bundleProgram(entry: string): Promise<string> {
  const program = built.get(entry) ?? bundle(entry);
  built.set(entry, program);
  return program;
}

async function bundle(entry: string): Promise<string> {
  const cache = join(root, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const dir = mkdtempSync(join(cache, "orch-test-"));
  made.push(dir);
  await build({
    entryPoints: { program: entry },
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
  return join(dir, "program.mjs");
}
