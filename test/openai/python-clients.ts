import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Clients as people use them from Python. */
const PACKAGES = ["openai==2.11.0", "anthropic==0.75.0", "ollama==0.6.1"];

const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "orch-tests");

/**
 * Installs the clients into the user's cache unless they are there: some 15 s, once.
 * @returns the path of a Python that has them, or why there is none. @throws Error in place of the latter with ORCH_REQUIRE=1
 */
export async function installPythonClients(): Promise<{ readonly python: string } | string> {
  const dir = join(cache, "clients");
  const python = join(dir, "bin", "python");
  try {
    if (!existsSync(join(dir, "complete"))) {
      mkdirSync(cache, { recursive: true });
      await run("python3", ["-m", "venv", dir]);
      await run(python, ["-m", "pip", "install", "--quiet", ...PACKAGES]);
      writeFileSync(join(dir, "complete"), "");
    }
    return { python };
  } catch (error) {
    const why = `no clients for Python: ${error instanceof Error ? error.message.slice(0, 500) : String(error)}`;
    if (process.env["ORCH_REQUIRE"] === "1") throw new Error(`ORCH_REQUIRE=1, but ${why}`);
    return why;
  }
}

/** Runs one of the programs in test/fixtures/clients; gives the JSON that it prints. */
export async function runClient(python: string, program: string, ...args: string[]): Promise<unknown> {
  const file = join(import.meta.dirname, "../fixtures/clients", program);
  const { stdout } = await run(python, [file, ...args], { env: { PATH: "/usr/bin:/bin" }, timeout: 60_000 });
  return JSON.parse(stdout);
}
