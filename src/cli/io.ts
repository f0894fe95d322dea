import type { Readable, Writable } from "node:stream";
import type { Environment } from "../config/paths.ts";
import { type Clock, systemClock } from "../std/clock.ts";

export type InterruptSignal = "SIGINT" | "SIGTERM" | "SIGHUP";
export type InputStream = Readable & {
  readonly isTTY?: boolean;
  /** Of a terminal: keys come as they are pressed, and none of them is a signal. */
  setRawMode?(isRaw: boolean): unknown;
};
export type OutputStream = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  /** Columns and rows of a terminal as they are now; the two above follow a signal that comes a moment later. */
  getWindowSize?(): [columns: number, rows: number];
};

/** Everything the CLI touches of the process it runs in. */
export interface Io {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Environment;
  readonly cwd: string;
  readonly uid: number;
  readonly clock: Clock;
  /** Calls `handler` on each such signal until the returned function is called; the default action is off meanwhile. */
  onSignal(signal: InterruptSignal | "SIGCONT" | "SIGTSTP", handler: () => void): () => void;
  /** Program and arguments that start the daemon, when it is not this package's own. */
  readonly daemonCommand?: readonly string[] | undefined;
}

/** The real process. `env` is the environment as it was before the executable adjusted it. */
export function processIo(env: Environment = { ...process.env }): Io {
  return {
    // Node opens these when they are first asked for, which takes its time.
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return process.stdout;
    },
    get stderr() {
      return process.stderr;
    },
    env,
    cwd: currentFolder(env),
    uid: process.getuid?.() ?? -1,
    clock: systemClock,
    onSignal(signal, handler) {
      process.on(signal, handler);
      return () => process.off(signal, handler);
    },
  };
}

/** A shell may stand in a folder that was deleted; that is no reason to refuse `orch ls`. */
function currentFolder(env: Environment): string {
  try {
    return process.cwd();
  } catch {
    return env["PWD"] ?? "/";
  }
}
