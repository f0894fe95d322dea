import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Model servers that others wrote, as their packages bring them along. */
const PACKAGES = ["cog==0.23.1", "gguf==0.19.0", "xllamacpp==2026.10.11549"];
/** Made from source: some minutes. So it is used where somebody has put it, and not asked for. */
const COMPILED = "llama-cpp-python[server]==0.3.36";

const fixtures = join(import.meta.dirname, "../fixtures/servers");
const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "orch-tests");

/** Where real model servers were installed. */
export interface RealServers {
  /** Folder with the programs of the virtual environment. */
  readonly bin: string;
  readonly python: string;
  /** A llama with random weights. */
  readonly model: string;
  /** Whether llama-cpp-python is there too. */
  readonly hasCompiled: boolean;
}

/**
 * Installs the servers into the user's cache unless they are there: some 15 s, once.
 * @returns them, or why they cannot be had. @throws Error in place of the latter with ORCH_REQUIRE=1
 */
export async function installRealServers(): Promise<RealServers | string> {
  const dir = join(cache, "servers");
  const bin = join(dir, "bin");
  const python = join(bin, "python");
  const model = join(dir, "tiny.gguf");
  try {
    if (!existsSync(join(dir, "complete"))) await install(dir, python, model);
  } catch (error) {
    const why = `no real model servers: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}`;
    if (process.env["ORCH_REQUIRE"] === "1") throw new Error(`ORCH_REQUIRE=1, but ${why}`);
    return why;
  }
  const hasCompiled = await run(python, ["-c", "import llama_cpp.server"]).then(
    () => true,
    () => false,
  );
  return { bin, python, model, hasCompiled };
}

/** The path of a program or model in test/fixtures/servers. */
export function serverFixture(name: string): string {
  return join(fixtures, name);
}

async function install(dir: string, python: string, model: string): Promise<void> {
  // What is there already is kept: an install that was cut off, or the server that takes minutes to compile.
  mkdirSync(cache, { recursive: true });
  await run("python3", ["-m", "venv", dir]);
  await run(python, ["-m", "pip", "install", "--quiet", ...PACKAGES]);
  await run(python, [serverFixture("tiny_gguf.py"), model]);
  writeFileSync(join(dir, "complete"), "");
}

/** How to add the server that is compiled: for people, in the reason of a skip. */
export const compileHint = `CMAKE_ARGS="-DLLAVA_BUILD=OFF -DCMAKE_CXX_FLAGS_RELEASE=-O0" ${join(cache, "servers/bin/pip")} install "${COMPILED}"`;
