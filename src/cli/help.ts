import { commandGroups, commands } from "./commands.ts";
import { topics } from "./help/topics.ts";
import { columnsOf, wrapText } from "./help-layout.ts";

const EXAMPLES: readonly (readonly [string, string])[] = [
  ["orch run --gpus 1 -- python train.py", "run a command on a free GPU, wait for it"],
  ["orch submit sdxl --prompt 'a fox'", "queue a job of a runtime"],
  ["orch submit sdxl --help", "what its parameters are"],
  ["orch ls", "what runs and what waits, and why"],
  ["orch logs -f 42", "follow a job"],
  ["orch workers switch sdxl", "put another model on the GPU now"],
];

/** The text of `orch --help` for `width` columns: examples first, then the commands by group. Imports no command. */
export function helpText(width: number): string {
  const summaries = (table: Readonly<Record<string, { readonly summary: string }>>) =>
    Object.entries(table).map(([name, { summary }]) => [name, summary] as const);
  const groups = commandGroups.flatMap((group) => {
    const members = Object.entries(commands).filter(([, entry]) => entry.group === group);
    return ["", `${group}:`, ...columnsOf(summaries(Object.fromEntries(members)), width)];
  });
  return [
    "Usage: orch COMMAND [flags]",
    "",
    ...wrapText("One daemon schedules the jobs and models of this machine's GPUs.", width),
    "",
    "Examples:",
    ...columnsOf(EXAMPLES, width),
    ...groups,
    "",
    "More help, by orch help TOPIC:",
    ...columnsOf(summaries(topics), width),
    "",
    "Flags of every command:",
    ...columnsOf(sharedFlags, width),
  ].join("\n");
}

/** What every command takes. */
export const sharedFlags: readonly (readonly [string, string])[] = [
  ["--json", "print JSON: one document, or one object a line for streams"],
  ["-q, --quiet", "print ids only"],
  ["--no-color", "no colours (so does NO_COLOR=1)"],
  ["--no-autostart", "fail instead of starting the daemon (so does ORCH_AUTOSTART=0)"],
  ["-h, --help", "help of one command: orch COMMAND --help"],
  ["--version", "print the version"],
];
