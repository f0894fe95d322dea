import { execFile } from "node:child_process";
import { existsSync, renameSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { installPython } from "./python-tools.ts";

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
  // What is there already is kept: the server that takes minutes to compile.
  const found = await installPython("servers", PACKAGES);
  if (typeof found === "string") return found;
  const { bin, python } = found;
  const model = join(bin, "../tiny.gguf");
  if (!existsSync(model)) {
    // Whole or not at all: another test file may want it at the same time.
    await run(python, [serverFixture("tiny_gguf.py"), `${model}.${process.pid}`]);
    renameSync(`${model}.${process.pid}`, model);
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

/** How to add the server that is compiled: for people, in the reason of a skip. */
export const compileHint = `CMAKE_ARGS="-DLLAVA_BUILD=OFF -DCMAKE_CXX_FLAGS_RELEASE=-O0" ${join(cache, "servers/bin/pip")} install "${COMPILED}"`;
