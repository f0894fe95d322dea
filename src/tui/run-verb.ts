import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { Io } from "../cli/io.ts";
import { packageRoot } from "../std/package-root.ts";

// Command lines run as programs of their own: whatever they do to terminal, signals or memory is over with them.

/** What a command printed, errors behind the rest. */
export interface Printed {
  readonly code: number;
  readonly lines: readonly string[];
}

const OUTPUT_MAX_CHARS = 1_000_000;
const DEADLINE_MS = 60_000;

/** Whether a command line needs the terminal for itself: it talks to whoever sits there, or goes on for long. */
export function takesTerminal(words: readonly string[]): boolean {
  const [verb = "", ...rest] = words;
  if (rest.includes("--help") || rest.includes("-h")) return false;
  const has = (...flags: string[]): boolean => rest.some((word) => flags.includes(word));
  if (["attach", "shell", "exec", "wait", "daemon"].includes(verb)) return true;
  if (verb === "run") return !has("-d", "--detach");
  if (verb === "submit") return has("--wait", "-w");
  return (verb === "logs" || verb === "events") && has("-f", "--follow");
}

/** Commands that change nothing: what a read-only screen still runs. */
export function isReading(words: readonly string[]): boolean {
  const [verb = "", next] = words;
  if (["ls", "show", "logs", "why", "plan", "quotas", "status", "events", "history", "paths"].includes(verb))
    return true;
  return (
    ["workers", "gpus", "runtimes"].includes(verb) &&
    (next === undefined || next === "ls" || next.startsWith("-"))
  );
}

/** Runs a command of orch and collects what it prints. Never rejects. */
export function runCaptured(io: Io, words: readonly string[]): Promise<Printed> {
  return new Promise((resolve) => {
    const child = start(io, words, "captured");
    let text = "";
    const take = (chunk: string): void => {
      if (text.length < OUTPUT_MAX_CHARS) text += chunk;
    };
    const timer = setTimeout(() => child.kill(), DEADLINE_MS);
    child.stdout?.setEncoding("utf8").on("data", take);
    child.stderr?.setEncoding("utf8").on("data", take);
    child.once("error", (error) => take(`error: ${error.message}\n`));
    child.once("close", (code) => {
      clearTimeout(timer);
      const lines = text.split("\n");
      if (lines.at(-1) === "") lines.pop();
      resolve({ code: code ?? 1, lines });
    });
  });
}

/** Runs a command of orch at the terminal; gives its exit code. Never rejects. */
export function runAtTerminal(
  io: Io,
  words: readonly string[],
  onStart: (child: ChildProcess) => void,
): Promise<number> {
  return new Promise((resolve) => {
    const child = start(io, words, "terminal");
    onStart(child);
    child.once("error", () => resolve(1));
    child.once("close", (code) => resolve(code ?? 1));
  });
}

/** No command from here starts a daemon, but the one that is for that. */
function start(io: Io, words: readonly string[], how: "captured" | "terminal"): ChildProcess {
  const isPlain = words[0] === "up" || words[0] === "daemon";
  const args = [join(packageRoot(), "bin", "orch"), ...(isPlain ? [] : ["--no-autostart"]), ...words];
  return spawn(process.execPath, args, {
    cwd: io.cwd,
    env: { ...io.env, ...(how === "captured" ? { NO_COLOR: "1" } : {}) },
    stdio: how === "captured" ? ["ignore", "pipe", "pipe"] : "inherit",
  });
}
