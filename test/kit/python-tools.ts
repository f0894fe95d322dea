import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "orch-tests");

/** Where packages were installed: the folder of their programs, and the Python that has them. */
export interface PythonTools {
  readonly bin: string;
  readonly python: string;
}

/**
 * Installs Python packages into a virtual environment of their own in the user's cache, unless they are there.
 * @returns where they are, or why they cannot be had. @throws Error in place of the latter with ORCH_REQUIRE=1
 */
export async function installPython(
  name: string,
  packages: readonly string[],
): Promise<PythonTools | string> {
  const dir = join(cache, name);
  const mark = join(dir, `complete-${packages.join("+").replaceAll(/[^\w.+=-]/g, "_")}`);
  try {
    if (!existsSync(mark)) {
      mkdirSync(cache, { recursive: true });
      await run("python3", ["-m", "venv", dir]);
      await run(join(dir, "bin/python"), ["-m", "pip", "install", "--quiet", ...packages], {
        timeout: 300_000,
      });
      writeFileSync(mark, "");
    }
  } catch (error) {
    const why = `no ${packages.join(", ")}: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}`;
    if (process.env["ORCH_REQUIRE"] === "1") throw new Error(`ORCH_REQUIRE=1, but ${why}`);
    return why;
  }
  return { bin: join(dir, "bin"), python: join(dir, "bin/python") };
}
