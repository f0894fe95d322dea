import { basename } from "node:path";
import { Failure } from "../../std/failure.ts";
import { command } from "../command.ts";
import type { Io } from "../io.ts";
import { runBeside, surroundingsOf } from "../submit/run-beside.ts";

/** Characters of a program name that are worth noting. */
const LONGEST_NAME = 64;

export const exec = command({
  name: "exec",
  summary: "Run a command beside a running worker, with its GPUs, environment and folder",
  examples: [
    "orch exec sdxl-1 -- nvidia-smi",
    "orch exec run-42 -- bash",
    "orch exec sdxl-1 -- env | grep CUDA",
  ],
  withoutJson: { why: "on its stdout is what the command writes", hint: "orch exec WORKER -- COMMAND" },
  describe: (parser) =>
    parser
      .usage("[flags] WORKER -- COMMAND [arguments]")
      .argument("<worker>", "name or id")
      .argument("<command...>", "the command; flags behind it are its own")
      .passThroughOptions(),
  async run(context, [asked = "", ...rest]) {
    const words = rest[0] === "--" ? rest.slice(1) : rest;
    if (words.length === 0) {
      throw new Failure("usage/invalid", "no command is given", { hint: `orch exec ${asked} -- bash` });
    }
    const client = await context.connect();
    const { worker, pid, container } = await client.call("POST /workers/:worker/exec", {
      worker: asked,
      program: programOf(words[0] ?? ""),
    });
    if (container === null) return runBeside(context.io, words, surroundingsOf(worker, pid));
    return runInside(context.io, { ...container, words });
  },
});

/** What the daemon is told of a command: the name of its program, made printable. */
function programOf(word: string): string {
  const name = basename(word).replace(/[\p{Cc}\p{Cf}]/gu, "?");
  return [...name].slice(0, LONGEST_NAME).join("") || "?";
}

interface Inside {
  readonly name: string;
  /** The engine's program and what comes before every verb. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly words: readonly string[];
}

/** With a terminal only where both ends are one: a terminal would change what goes into pipes and files. */
function runInside(io: Io, { name, command, env, words }: Inside): Promise<number> {
  const isTerminal = io.stdin.isTTY === true && io.stdout.isTTY === true;
  const term = io.env["TERM"];
  const flags = ["-i", ...(isTerminal ? ["-t", ...(term === undefined ? [] : ["-e", `TERM=${term}`])] : [])];
  const own = Object.fromEntries(
    Object.entries(io.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
  const surroundings = { env: { ...own, ...env }, cwd: io.cwd, owner: null };
  return runBeside(io, [...command, "exec", ...flags, name, ...words], surroundings);
}
