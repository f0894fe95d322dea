import { Readable, Writable } from "node:stream";
import type { InterruptSignal, Io } from "../../src/cli/io.ts";
import { main } from "../../src/cli/main.ts";
import { systemClock } from "../../src/std/clock.ts";

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CapturedIo {
  readonly io: Io;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Sends a signal to the command, as the terminal would. */
  readonly signal: (signal: InterruptSignal) => void;
  readonly listeners: (signal: InterruptSignal) => number;
}

export interface IoOptions {
  readonly socket?: string;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Columns of the terminal that stdout and stderr are; none when left out: they are pipes. */
  readonly columns?: number;
}

/** An Io whose output is kept, whose signals the test sends, and which starts no daemon by itself. */
export function captureIo(options: IoOptions = {}): CapturedIo {
  const stdout = sink(options.columns);
  const stderr = sink(options.columns);
  const handlers = new Map<string, Set<() => void>>();
  const io: Io = {
    stdin: Readable.from([options.stdin ?? ""]),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: {
      HOME: "/nonexistent",
      ORCH_AUTOSTART: "0",
      ...(options.socket === undefined ? {} : { ORCH_SOCKET: options.socket }),
      ...options.env,
    },
    cwd: options.cwd ?? "/",
    uid: process.getuid?.() ?? -1,
    clock: { ...systemClock, nowMs: () => Date.parse("2026-01-02T00:10:00Z") },
    onSignal(signal, handler) {
      const set = handlers.get(signal) ?? new Set();
      handlers.set(signal, set.add(handler));
      return () => set.delete(handler);
    },
  };
  return {
    io,
    stdout: stdout.text,
    stderr: stderr.text,
    signal: (signal) => {
      for (const handler of handlers.get(signal) ?? []) handler();
    },
    listeners: (signal) => handlers.get(signal)?.size ?? 0,
  };
}

/** Runs one command line to its end. */
export async function orch(argv: readonly string[], options: IoOptions = {}): Promise<Run> {
  const captured = captureIo(options);
  const code = await main(argv, captured.io);
  return { code, stdout: captured.stdout(), stderr: captured.stderr() };
}

function sink(columns: number | undefined): { stream: Io["stdout"]; text: () => string } {
  let text = "";
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString("utf8");
      done();
    },
  });
  return {
    stream: Object.assign(stream, columns === undefined ? {} : { isTTY: true, columns }),
    text: () => text,
  };
}
