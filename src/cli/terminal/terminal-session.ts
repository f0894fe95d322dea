import { openTerminal, type TerminalConnection } from "../../client/terminal.ts";
import { formatBytes } from "../../std/bytes.ts";
import { createTerminalModes } from "../../std/terminal-modes.ts";
import type { Context } from "../context.ts";
import type { InterruptSignal, Io } from "../io.ts";
import { createDetachWatch } from "./detach-keys.ts";
import { sizeOf } from "./terminal-size.ts";

export interface SessionOptions {
  readonly readOnly: boolean;
  /** Bytes that the detach keys send; null = none do. */
  readonly detachKeys: Buffer | null;
}

/** How the time at a terminal ended. */
export type SessionEnd =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "detached" }
  /** A signal told us to go; the program goes on. */
  | { readonly kind: "signalled"; readonly signal: InterruptSignal }
  /** The connection ended, and nobody said why. `hasShown`: something was to be seen before. */
  | { readonly kind: "lost"; readonly hasShown: boolean };

/** The first detach key is held back for so long; a pause after it sends it to the program. */
const DETACH_PAUSE_MS = 500;
const CTRL_C = Buffer.from([0x03]);
/** What a terminal sends for "nothing more comes". */
const CTRL_D = Buffer.from([0x04]);
const PLAIN = "\u001b[0m";

/**
 * Connects the caller's terminal with the one on `socket`, until the program ends or the caller leaves. The caller's
 * terminal is given back as it was, however that ends.
 * Rejects with the system's error when nobody listens there.
 */
export async function holdSession(
  { io, signal }: Context,
  socket: string,
  { readOnly, detachKeys }: SessionOptions,
): Promise<SessionEnd> {
  const modes = createTerminalModes();
  let hasShown = false;
  const show = (bytes: Buffer): boolean => {
    hasShown = true;
    modes.feed(bytes);
    return io.stdout.write(bytes);
  };
  const connection = await openTerminal(
    socket,
    { size: sizeOf(io), readOnly },
    {
      onOutput: show,
      onSkipped: (bytes) =>
        void show(
          Buffer.from(`\r\n[orch: ${formatBytes(bytes)} are not shown here: too fast for this terminal]\r\n`),
        ),
      onDrain: () => io.stdin.resume(),
    },
  );
  const undo = [onEvent(io.stdout, "drain", () => connection.resume())];
  try {
    return await new Promise<SessionEnd>((end) => {
      undo.push(...takeKeys(io, connection, { readOnly, detachKeys }));
      undo.push(...obeySignals(io, connection, readOnly, end));
      signal.addEventListener("abort", () => end({ kind: "signalled", signal: "SIGHUP" }));
      void connection.ended.then((how) => {
        if (how === null) end({ kind: "lost", hasShown });
        else end(how === "detached" ? { kind: "detached" } : { kind: "exited", exitCode: how });
      });
    });
  } finally {
    connection.close();
    for (const each of undo) each();
    if (io.stdout.isTTY === true) io.stdout.write(modes.undoing() + PLAIN);
  }
}

type Undo = () => void;
type Finish = (end: SessionEnd) => void;

function takeKeys(io: Io, connection: TerminalConnection, { readOnly, detachKeys }: SessionOptions): Undo[] {
  const { stdin } = io;
  const isKeyboard = stdin.isTTY === true;
  // What comes through a pipe is data: nothing in it means anything to us.
  const watch = createDetachWatch(isKeyboard ? detachKeys : null);
  let timer: NodeJS.Timeout | undefined;
  const type = (input: Buffer): void => {
    if (readOnly) {
      if (isKeyboard && input.includes(CTRL_C)) connection.detach();
    } else if (input.length > 0 && !connection.type(input)) stdin.pause();
  };
  const onData = (typed: Buffer | string): void => {
    clearTimeout(timer);
    const { pass, isDetach } = watch.feed(Buffer.from(typed as Buffer));
    type(pass);
    if (isDetach) connection.detach();
    else timer = setTimeout(() => type(watch.release()), DETACH_PAUSE_MS);
  };
  const undo = [
    onEvent(stdin, "data", onData as (...args: unknown[]) => void),
    // A keyboard that ends is one whose window was closed; nothing was typed then.
    onEvent(stdin, "end", () => (isKeyboard ? connection.close() : type(CTRL_D))),
  ];
  if (isKeyboard) stdin.setRawMode?.(true);
  stdin.resume();
  return [
    ...undo,
    () => {
      clearTimeout(timer);
      stdin.pause();
      if (isKeyboard) stdin.setRawMode?.(false);
    },
  ];
}

function obeySignals(io: Io, connection: TerminalConnection, readOnly: boolean, end: Finish): Undo[] {
  const resize = (): void => {
    const size = sizeOf(io);
    if (size !== null) connection.resize(size);
  };
  const comeBack = (): void => {
    // Whoever had the terminal while we were stopped has changed its settings.
    if (io.stdin.isTTY === true) {
      io.stdin.setRawMode?.(false);
      io.stdin.setRawMode?.(true);
    }
    resize();
  };
  const interrupt = (): void => {
    if (readOnly) end({ kind: "signalled", signal: "SIGINT" });
    else connection.type(CTRL_C);
  };
  return [
    onEvent(io.stdout, "resize", resize),
    io.onSignal("SIGCONT", comeBack),
    io.onSignal("SIGINT", interrupt),
    io.onSignal("SIGTERM", () => end({ kind: "signalled", signal: "SIGTERM" })),
    io.onSignal("SIGHUP", () => end({ kind: "signalled", signal: "SIGHUP" })),
  ];
}

function onEvent(
  emitter: { on(event: string, hear: (...args: unknown[]) => void): unknown; off: unknown },
  event: string,
  hear: (...args: unknown[]) => void,
): Undo {
  emitter.on(event, hear);
  return () => void (emitter as NodeJS.EventEmitter).off(event, hear);
}
