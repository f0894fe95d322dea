import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const PACKAGE = "replicate==1.0.7";

/**
 * Installs the client of Replicate for Python into the user's cache unless it is there: some 10 s, once.
 * @returns its Python, or why it cannot be had. @throws Error in place of the latter with ORCH_REQUIRE=1
 */
export async function installReplicatePython(): Promise<{ readonly python: string } | string> {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "orch-tests");
  const dir = join(cache, "replicate-client");
  const python = join(dir, "bin", "python");
  try {
    if (!existsSync(join(dir, "complete"))) {
      mkdirSync(cache, { recursive: true });
      await run("python3", ["-m", "venv", dir]);
      await run(python, ["-m", "pip", "install", "--quiet", PACKAGE], { timeout: 300_000 });
      writeFileSync(join(dir, "complete"), "");
    }
    return { python };
  } catch (error) {
    const why = `no client of Replicate for Python: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}`;
    if (process.env["ORCH_REQUIRE"] === "1") throw new Error(`ORCH_REQUIRE=1, but ${why}`);
    return why;
  }
}
