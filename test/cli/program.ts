import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import type { Run } from "./captured-io.ts";

const root = resolve(import.meta.dirname, "../..");

/** The installed program in a temp folder of its own, as npm lays it out: bin, dist, package.json, modules. */
export async function installProgram(): Promise<{ readonly bin: string; readonly dir: string } & Disposable> {
  const dir = mkdtempSync(join(tmpdir(), "orch-package-"));
  await build({
    entryPoints: [join(root, "src/cli/main.ts")],
    outfile: join(dir, "dist/cli.cjs"),
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    logLevel: "error",
    external: ["zod", "yaml", "chalk", "*/daemon/main.ts", "*/tui/main.tsx"],
    define: { "import.meta.url": "importMetaUrl" },
    banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  });
  cpSync(join(root, "bin"), join(dir, "bin"), { recursive: true });
  cpSync(join(root, "package.json"), join(dir, "package.json"));
  symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
  return {
    bin: join(dir, "bin/orch"),
    dir,
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Runs a line of shell; `orch` in it is the program. */
export function shell(line: string, env: Record<string, string | undefined>, binDir: string): Promise<Run> {
  const child = spawn("bash", ["-o", "pipefail", "-c", line], {
    env: { ...env, PATH: `${binDir}:${process.env["PATH"]}` },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("utf8");
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
  });
  return new Promise((done, reject) => {
    child.once("error", reject);
    child.once("close", (code) => done({ code: code ?? -1, stdout, stderr }));
  });
}
