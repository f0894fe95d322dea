import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../std/package-root.ts";
import { commandGroups, commands } from "./commands.ts";

const EXAMPLES: readonly (readonly [string, string])[] = [
  ["orch run --gpus 1 -- python train.py", "run a command on a free GPU, wait for it"],
  ["orch submit sdxl --prompt 'a fox'", "queue a job of a runtime"],
  ["orch submit sdxl --help", "what its parameters are"],
  ["orch ls", "what runs and what waits, and why"],
  ["orch logs -f 42", "follow a job"],
  ["orch workers switch sdxl", "put another model on the GPU now"],
];

/** The text of `orch --help`: examples first, then the commands by group. Imports no command. */
export function helpText(): string {
  const lines = [
    "Usage: orch COMMAND [flags]",
    "",
    "One daemon schedules the jobs and models of this machine's GPUs.",
    "",
  ];
  lines.push("Examples:", ...aligned(EXAMPLES));
  for (const group of commandGroups) {
    const members = Object.entries(commands).filter(([, entry]) => entry.group === group);
    lines.push("", `${group}:`, ...aligned(members.map(([name, entry]) => [name, entry.summary] as const)));
  }
  lines.push(
    "",
    "Flags of every command:",
    ...aligned([
      ["--json", "print JSON: one document, or one object a line for streams"],
      ["-q, --quiet", "print ids only"],
      ["--no-color", "no colours (so does NO_COLOR=1)"],
      ["--no-autostart", "fail instead of starting the daemon (so does ORCH_AUTOSTART=0)"],
      ["-h, --help", "help of one command: orch COMMAND --help"],
      ["--version", "print the version"],
    ]),
  );
  return lines.join("\n");
}

/** The version in package.json. */
export function readVersion(): string {
  const text = readFileSync(join(packageRoot(), "package.json"), "utf8");
  const parsed: unknown = JSON.parse(text);
  const version =
    typeof parsed === "object" && parsed !== null && "version" in parsed ? parsed.version : undefined;
  return typeof version === "string" ? version : "unknown";
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
