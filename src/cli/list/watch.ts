import { setTimeout as sleep } from "node:timers/promises";
import type { Context } from "../context.ts";
import { truncate } from "../text/width.ts";
import type { Look } from "./list-command.ts";

const INTERRUPTED = 130;
const TERMINATED = 143;

/**
 * Looks again and again until it is interrupted: a terminal is redrawn in place, a pipe gets a block whenever something
 * changed. Resolves with the exit code.
 */
export async function watch(context: Context, everyMs: number, look: () => Promise<Look>): Promise<number> {
  const { io, signal } = context;
  const stop = new AbortController();
  let code = 0;
  const end = (with_: number) => (): void => {
    code = with_;
    stop.abort();
  };
  const release = [io.onSignal("SIGINT", end(INTERRUPTED)), io.onSignal("SIGTERM", end(TERMINATED))];
  const over = AbortSignal.any([stop.signal, signal]);
  const ended = aborted(over);
  const isTerminal = io.stdout.isTTY === true && io.env["TERM"] !== "dumb";
  const screen = isTerminal ? drawInPlace(context) : printBlocks(context);
  if (isTerminal) release.push(obeySuspension(context, screen));
  try {
    while (!over.aborted) {
      const next = await Promise.race([look(), ended]);
      if (next === null) break;
      screen.show(next);
      await sleep(everyMs, undefined, { signal: over }).catch(() => undefined);
    }
  } finally {
    screen.leave();
    for (const undo of release) undo();
  }
  return code;
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener("abort", () => resolve(null), { once: true });
  });
}

interface Screen {
  show(look: Look): void;
  leave(): void;
}

function printBlocks({ out }: Context): Screen {
  let before: string | undefined;
  return {
    show({ lines, notes, state }) {
      if (state === before) return;
      const gap = before === undefined || lines.length === 0 ? "" : "\n";
      before = state;
      if (lines.length > 0) out.write(`${gap}${lines.join("\n")}\n`);
      for (const note of notes) out.note(note);
    },
    leave() {},
  };
}

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";
const WRAP_OFF = "\x1b[?7l";
const WRAP_ON = "\x1b[?7h";
/** Down, and at the bottom the screen scrolls. The kernel hands a line feed on by itself; this it leaves in one piece. */
const NEXT_LINE = "\r\x1bD";
const TO_LINE_END = "\x1b[K";
const TO_SCREEN_END = "\x1b[J";

/**
 * Each frame is one write over the last one, line by line: the screen is not cleared, and what scrolled away stays. A line is
 * cleared before it is written, since behind one as wide as the terminal the cursor stands on its last character.
 *
 * Between frames the cursor stands at the beginning of the first line. A terminal that gets narrower breaks the lines
 * below it, and takes it along with its own; it tells of its new size a moment later, so to count the broken lines from
 * below is to be wrong now and then. For the same reason lines are not to be broken while they are drawn, and a
 * frame has to arrive as a whole.
 */
function drawInPlace({ io, out }: Context): Screen {
  let drawn: readonly string[] = [];
  let drawnColumns = 0;
  let isShown = false;
  const over = (lines: readonly string[]): string =>
    `\r${WRAP_OFF}${lines.map((line) => `${TO_LINE_END}${line}${NEXT_LINE}`).join("")}${TO_SCREEN_END}${WRAP_ON}`;
  return {
    show({ lines, notes }) {
      const [columns, rows] = io.stdout.getWindowSize?.() ?? [io.stdout.columns ?? 80, io.stdout.rows ?? 24];
      drawn = fitted([...lines, ...notes.map((note) => truncate(note, columns))], columns, rows);
      // Lines that were broken stay joined to the next until they are empty.
      const clear = isShown && columns !== drawnColumns ? `\r${TO_SCREEN_END}` : "";
      const back = drawn.length > 0 ? `\x1b[${drawn.length}A` : "";
      out.write(`${isShown ? "" : HIDE_CURSOR}${clear}${over(drawn)}${back}`);
      drawnColumns = columns;
      isShown = true;
    },
    leave() {
      // Once more: what the terminal shows of a Ctrl-C stands in it.
      if (isShown) out.write(`${over(drawn)}${SHOW_CURSOR}`);
      isShown = false;
    },
  };
}

/** What there is room for above an empty line. */
function fitted(all: readonly string[], columns: number, rows: number): readonly string[] {
  const fits = Math.max(1, rows - 1);
  if (all.length <= fits) return all;
  return [...all.slice(0, fits - 1), truncate(moreText(all.length - fits + 1), columns)];
}

function moreText(count: number): string {
  return `… ${count} more line${count === 1 ? "" : "s"}`;
}

/** Ctrl-Z: the shell goes on below the table, and the table goes on where the shell has come to. */
function obeySuspension({ io }: Context, screen: Screen): () => void {
  const suspend = (): void => {
    screen.leave();
    release();
    process.kill(process.pid, "SIGTSTP");
    // Here again once the shell has continued it.
    setImmediate(() => {
      release = io.onSignal("SIGTSTP", suspend);
    });
  };
  let release = io.onSignal("SIGTSTP", suspend);
  return () => release();
}
