import { spawn } from "node:child_process";
import { abandonChild } from "../gpu/abandon-child.ts";
import { errnoOf } from "../std/failure.ts";

/** What a program of the host answered. */
export interface Answer {
  /** Null when it did not end in time, or could not be started. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why there is no exit code. */
  readonly trouble: "missing" | "late" | "broken" | null;
}

export interface Asking {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly deadlineMs: number;
  readonly cwd?: string;
}

const KEPT_CHARACTERS = 1_000_000;

/**
 * Runs a program that may hang. Never rejects and never takes longer than the deadline: what has not ended by then is killed
 * and not waited for, since what is stuck in a driver cannot be killed.
 * @param command program, looked for in PATH of `env`, and arguments
 */
export function askProgram(
  command: readonly string[],
  { env, deadlineMs, cwd = "/" }: Asking,
): Promise<Answer> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
    const said = { stdout: "", stderr: "" };
    const end = (exitCode: number | null, trouble: Answer["trouble"]): void => {
      clearTimeout(timer);
      resolve({ exitCode, trouble, ...said });
    };
    const timer = setTimeout(() => {
      abandonChild(child);
      end(null, "late");
    }, deadlineMs);
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        if (said[name].length < KEPT_CHARACTERS) said[name] += text;
      });
    }
    child.once("error", (error) => end(null, errnoOf(error) === "ENOENT" ? "missing" : "broken"));
    child.once("close", (code) => end(code, code === null ? "broken" : null));
  });
}

/** The last line that says something, for one sentence; what became of the program where it said nothing. */
export function lastWords(program: string, answer: Answer, deadlineMs: number): string {
  const line = `${answer.stdout}\n${answer.stderr}`
    .split("\n")
    .map((each) => each.trim())
    .findLast((each) => each !== "");
  if (answer.trouble === "late") return `${program} did not answer within ${deadlineMs / 1000} s`;
  if (answer.trouble === "missing") return `${program} is not installed`;
  return line ?? `${program} ended with ${answer.exitCode ?? "a signal"}`;
}
