import { execFile } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "orch-tests");

/** Run under a lock: test files that want the same would otherwise install into one folder at the same time. */
const INSTALL = `mark=$1 dir=$2; shift 2
test -e "$mark" && exit
python3 -m venv "$dir" && "$dir/bin/python" -m pip install --quiet "$@" && touch "$mark"`;

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
      const script = ["sh", "-c", INSTALL, "sh", mark, dir, ...packages];
      await run("flock", [`${dir}.lock`, ...script], { timeout: 300_000 });
    }
  } catch (error) {
    const why = `no ${packages.join(", ")}: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}`;
    if (process.env["ORCH_REQUIRE"] === "1") throw new Error(`ORCH_REQUIRE=1, but ${why}`);
    return why;
  }
  return { bin: join(dir, "bin"), python: join(dir, "bin/python") };
}
