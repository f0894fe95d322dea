import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Runs the lines of a shell block of a document one after the other in one shell, and gives what each printed.
 * @param env $URL and what else the lines use. Fails when one of them does
 */
export async function runCurlLines(
  block: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Map<string, string>> {
  const lines = block.split("\n").filter((line) => line.trim() !== "");
  const mark = "=====";
  const script = lines.map((line) => `${line}\nprintf '\\n${mark}\\n'`).join("\n");
  const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script], {
    cwd,
    env: { PATH: process.env["PATH"], ...env },
    timeout: 60_000,
  });
  const printed = stdout.split(`\n${mark}\n`);
  return new Map(lines.map((line, at) => [line, printed[at] ?? ""]));
}
