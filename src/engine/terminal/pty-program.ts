import { readFileSync, writeSync } from "node:fs";
import { constants } from "node:os";
import type { IPty, IPtyForkOptions } from "node-pty";
import { errnoOf, Failure } from "../../std/failure.ts";
import { loadLater } from "../../std/load-later.ts";
import type { TerminalSize } from "../../std/terminal-frames.ts";
import { findProgram } from "../find-program.ts";
import { drainAtEnd, fdOf } from "./pty-drain.ts";

interface NodePty {
  spawn(file: string, args: string[], options: IPtyForkOptions): IPty;
}

const nodePty = loadLater<NodePty>("node-pty");

/** Makes sure that terminals can be made here. @throws Failure native/missing */
export function requireTerminals(): void {
  try {
    nodePty();
  } catch (error) {
    throw new Failure("native/missing", "no terminals can be made here: node-pty cannot be loaded", {
      why: (error instanceof Error ? error.message : String(error)).split("\n")[0],
      hint: "npm rebuild node-pty (needs python3, make and a C++ compiler), or run it without --pty",
      cause: error,
    });
  }
}

/** What of the terminal from which a job was sent must not be taken for the job's own. */
const NOT_INHERITED = ["TMUX", "TMUX_PANE", "STY", "WINDOW", "WINDOWID", "TERMCAP", "COLUMNS", "LINES"];
/** Typed input that the program does not read is kept up to this; then viewers are made to wait. */
const INPUT_HIGH_BYTES = 64 * 1024;
const INPUT_RETRY_MS = 10;

export interface PtyProgramOptions {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly size: TerminalSize;
  onOutput(chunk: Buffer): void;
  /** All output was handed out. `exitCode` is 128 + signal when a signal ended it. */
  onExit(exitCode: number): void;
  /** Typed input is taken again. */
  onInputDrain(): void;
}

/** A program in a terminal of its own. */
export interface PtyProgram {
  /** False: no more for now, `onInputDrain` follows. */
  type(input: Buffer): boolean;
  resize(size: TerminalSize): void;
  size(): TerminalSize;
  pause(): void;
  resume(): void;
  /** As when its terminal is closed: SIGHUP to its session's leader and to what is in the foreground. */
  hangUp(): void;
  kill(): void;
  /** True when SIGTERM means nothing to it, as to an interactive shell. */
  ignoresTerm(): boolean;
}

/**
 * Starts the program. One that is not there ends with 127, one that may not be run with 126, as in a shell.
 * @throws Failure native/missing
 */
export function startPtyProgram(options: PtyProgramOptions): PtyProgram {
  requireTerminals();
  const [name = "", ...args] = options.argv;
  const file = findProgram(name, options.env["PATH"], options.cwd) ?? `${name}: no such program`;
  const env = { ...options.env };
  for (const variable of NOT_INHERITED) delete env[variable];
  // The shell is there for its exit codes: node-pty has 1 for whatever cannot be executed.
  const pty = nodePty().spawn("/bin/sh", ["-c", 'exec "$@"', "orch", file, ...args], {
    name: env["TERM"] ?? "xterm-256color",
    cols: options.size.columns,
    rows: options.size.rows,
    cwd: options.cwd,
    env,
    encoding: null,
  });
  let isOver = false;
  pty.onData((chunk) => options.onOutput(chunk as unknown as Buffer));
  drainAtEnd(pty, options.onOutput);
  pty.onExit(({ exitCode, signal }) => {
    isOver = true;
    options.onExit(signal === undefined || signal === 0 ? exitCode : 128 + signal);
  });
  const typing = createTyping(fdOf(pty), () => isOver, options.onInputDrain);
  return {
    type: typing,
    resize({ columns, rows }) {
      if (!isOver && (columns !== pty.cols || rows !== pty.rows)) pty.resize(columns, rows);
    },
    size: () => ({ columns: pty.cols, rows: pty.rows }),
    pause: () => pty.pause(),
    resume: () => pty.resume(),
    hangUp() {
      for (const group of new Set([foregroundOf(pty.pid), pty.pid])) signalGroup(group, "SIGHUP");
      signalGroup(pty.pid, "SIGCONT");
    },
    kill: () => signalGroup(pty.pid, "SIGKILL"),
    ignoresTerm: () => ignores(pty.pid, constants.signals.SIGTERM),
  };
}

/** node-pty's own writing spins the processor while a program does not read; so it is done here. */
function createTyping(fd: number, isOver: () => boolean, onDrain: () => void): (input: Buffer) => boolean {
  let waiting: Buffer[] = [];
  let bytes = 0;
  let isScheduled = false;
  const flush = (): void => {
    isScheduled = false;
    const wasFull = bytes > INPUT_HIGH_BYTES;
    while (waiting.length > 0 && !isOver()) {
      const next = waiting[0] ?? Buffer.alloc(0);
      const written = writeSome(fd, next);
      if (written === null) break;
      bytes -= written;
      if (written < next.length) waiting[0] = next.subarray(written);
      else waiting.shift();
    }
    if (isOver()) waiting = [];
    if (waiting.length > 0) schedule();
    if (wasFull && bytes <= INPUT_HIGH_BYTES) onDrain();
  };
  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    setTimeout(flush, INPUT_RETRY_MS).unref();
  };
  return (input) => {
    if (input.length === 0 || isOver()) return true;
    waiting.push(input);
    bytes += input.length;
    if (!isScheduled) flush();
    return bytes <= INPUT_HIGH_BYTES;
  };
}

/** Bytes that the terminal took; null when it takes none now. */
function writeSome(fd: number, input: Buffer): number | null {
  try {
    return writeSync(fd, input);
  } catch (error) {
    if (errnoOf(error) === "EAGAIN") return null;
    // The program's end has closed the terminal: nobody reads this any more.
    return input.length;
  }
}

function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // It has ended.
  }
}

/** Field 8 of /proc/PID/stat: the group in the foreground of its terminal. */
function foregroundOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const group = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[5]);
    return group > 1 ? group : pid;
  } catch {
    return pid;
  }
}

/** "SigIgn" of proc_pid_status(5): one bit for each signal. */
function ignores(pid: number, signal: number): boolean {
  try {
    const mask = /^SigIgn:\t([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? "0";
    return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
  } catch {
    return false;
  }
}
