import { spawn, spawnSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { constants } from "node:os";
import { errnoOf, Failure } from "../../std/failure.ts";
import type { InterruptSignal, Io } from "../io.ts";

/** What a program runs with, as the kernel tells it of another one. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Whose program it is; null = the caller's own, or a container engine's client. */
  readonly owner: Owner | null;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** What stands in the environment of root's processes before they become another user's; see engine/run-as.ts. */
const INERT = "ORCH_VAR_0";

/**
 * The environment and working directory of a worker's program. They are read from the kernel, which gives them to the
 * program's own user and to root alone; so nothing secret passes through the API.
 * @param supervisorPid its environment is the program's, unless it is another user's: then a child's is
 * @throws Failure permission/denied, worker/state
 */
export function surroundingsOf(worker: string, supervisorPid: number): Surroundings {
  let denied = false;
  for (const pid of [supervisorPid, ...childrenOf(supervisorPid)]) {
    try {
      const owner = ownerOf(pid);
      const env = parseEnvironment(readFileSync(`/proc/${pid}/environ`));
      if (INERT in env) continue;
      return { env, cwd: readlinkSync(`/proc/${pid}/cwd`), owner };
    } catch (error) {
      denied ||= errnoOf(error) === "EACCES" || errnoOf(error) === "EPERM";
    }
  }
  if (denied) {
    throw new Failure("permission/denied", `${worker} runs as another user`, {
      hint: "run orch exec as the user whose program it is, or as root",
    });
  }
  throw new Failure("worker/state", `${worker} has just begun or ended`, { hint: "orch workers ls" });
}

/** By /proc/PID/status (proc(5)): the real ids, and the groups. Null unless root has to become that user. */
function ownerOf(pid: number): Owner | null {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const ids = (name: string): number[] =>
    (new RegExp(`^${name}:\\t(.*)$`, "m").exec(status)?.[1] ?? "").split(/\s+/).filter(Boolean).map(Number);
  const [[uid = 0], [gid = 0], groups] = [ids("Uid"), ids("Gid"), ids("Groups")];
  return process.getuid?.() !== 0 || uid === 0 ? null : { uid, gid, groups };
}

/**
 * Root becomes the user whose variables the command gets, for good: PATH and LD_PRELOAD of that one's choice must not act
 * on a program of root's.
 */
function become({ uid, gid, groups }: Owner): void {
  process.setgroups?.([...groups]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1");
    return text.split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function parseEnvironment(bytes: Buffer): Record<string, string> {
  const pairs = bytes
    .toString("utf8")
    .split("\0")
    .map((entry): [string, string] => [entry.split("=", 1)[0] ?? "", entry.slice(entry.indexOf("=") + 1)])
    .filter(([name]) => name !== "");
  return Object.fromEntries(pairs);
}

/** What only the program that holds a job's terminal is told. */
const NOT_HANDED_ON = ["ORCH_TERMINAL"];
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/**
 * Runs a command with the caller's own terminal or pipes, in these surroundings; they carry the worker's labels, so it
 * counts as the worker's and is killed with it. Where the program is another user's, root becomes that one.
 * @returns its exit code; 128 + signal when one ended it, 126 or 127 when it could not be run
 */
export async function runBeside(
  io: Io,
  command: readonly string[],
  { env, cwd, owner }: Surroundings,
): Promise<number> {
  const [file = "", ...args] = command;
  const own: Record<string, string> = {
    ...env,
    ...(io.env["TERM"] === undefined ? {} : { TERM: io.env["TERM"] }),
  };
  for (const name of NOT_HANDED_ON) delete own[name];
  if (owner !== null) become(owner);
  const restoreTerminal = rememberTerminal(io);
  const child = spawn(file, args, { env: own, cwd, stdio: "inherit" });
  const undo = passSignals(io, (signal) => child.kill(signal));
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", (error) => reject(cannotRun(file, error)));
      child.once("exit", (code, signal) => {
        if (signal !== null) restoreTerminal();
        resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
      });
    });
  } catch (error) {
    if (!(error instanceof CannotRun)) throw error;
    io.stderr.write(`orch: ${error.message}\n`);
    return error.exitCode;
  } finally {
    for (const each of undo) each();
  }
}

/** A command that could not be started, with the exit code that shells have for it. */
class CannotRun extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

function cannotRun(file: string, error: Error): CannotRun {
  return errnoOf(error) === "ENOENT"
    ? new CannotRun(`${file}: no such program`, NOT_FOUND)
    : new CannotRun(`${file}: ${error.message}`, NOT_EXECUTABLE);
}

/**
 * A program that is killed leaves the terminal as it had it: raw, say, and its own group in the foreground. Gives what
 * puts the settings back. Node could not: from the background that stops a program that does not ignore SIGTTOU.
 */
function rememberTerminal({ stdin }: Io): () => void {
  if (stdin.isTTY !== true) return () => {};
  const stdio = ["inherit", "pipe", "ignore"] as const;
  const saved = spawnSync("stty", ["-g"], { stdio: [...stdio], encoding: "utf8" }).stdout?.trim();
  if (!saved) return () => {};
  return () =>
    void spawnSync("sh", ["-c", 'trap "" TTOU; exec stty "$1"', "sh", saved], { stdio: [...stdio] });
}

/** The keyboard's interrupt reaches the command by itself, since it is in the same group; others are passed on. */
function passSignals(io: Io, send: (signal: InterruptSignal) => void): (() => void)[] {
  return [
    io.onSignal("SIGINT", () => {}),
    io.onSignal("SIGTERM", () => send("SIGTERM")),
    io.onSignal("SIGHUP", () => send("SIGHUP")),
  ];
}
