import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { installPython } from "../kit/python-tools.ts";

const run = promisify(execFile);

/** Clients as people use them from Python, installed as `installPython` does. */
export const installPythonClients = () =>
  installPython("clients", ["openai==2.11.0", "anthropic==0.75.0", "ollama==0.6.1"]);

/** Runs one of the programs in test/fixtures/clients; gives the JSON that it prints. */
export async function runClient(python: string, program: string, ...args: string[]): Promise<unknown> {
  const file = join(import.meta.dirname, "../fixtures/clients", program);
  const { stdout } = await run(python, [file, ...args], { env: { PATH: "/usr/bin:/bin" }, timeout: 60_000 });
  return JSON.parse(stdout);
}
