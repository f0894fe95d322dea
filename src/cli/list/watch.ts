import { setTimeout as sleep } from "node:timers/promises";
import type { Context } from "../context.ts";
import { truncate, widthOf } from "../text/width.ts";
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
const TO_LINE_END = "\x1b[K";
const TO_SCREEN_END = "\x1b[J";
/** What the terminal shows of a Ctrl-C goes. */
const CLEAN_LINE = `\r${TO_LINE_END}`;

/** Each frame is one write over the last one, line by line: nothing is cleared first, and what scrolled away stays. */
function drawInPlace({ io, out }: Context): Screen {
  let drawn: readonly string[] = [];
  let drawnColumns = 0;
  let isFirst = true;
  return {
    show({ lines, notes }) {
      const [columns, rows] = io.stdout.getWindowSize?.() ?? [io.stdout.columns ?? 80, io.stdout.rows ?? 24];
      // A terminal that got narrower has broken the old lines.
      const height = drawn.reduce(
        (sum, line) => sum + Math.max(1, Math.ceil(visibleWidth(line) / columns)),
        0,
      );
      const up = Math.min(height, rows - 1);
      const all = [...lines, ...notes.map((note) => truncate(note, columns))];
      const fits = Math.max(1, rows - 1);
      const isTooLong = all.length > fits;
      const shown = isTooLong
        ? [...all.slice(0, fits - 1), truncate(moreText(all.length - fits + 1), columns)]
        : all;
      const text = shown.map((line) => `${line}${TO_LINE_END}\n`).join("");
      const back = up > 0 ? `\x1b[${up}A\r` : "";
      // Lines that were broken stay joined to the next until they are empty.
      const clear = columns === drawnColumns ? "" : TO_SCREEN_END;
      out.write(`${isFirst ? HIDE_CURSOR : ""}${back}${clear}${text}${TO_SCREEN_END}`);
      drawn = shown;
      drawnColumns = columns;
      isFirst = false;
    },
    leave: () => {
      if (!isFirst) out.write(`${CLEAN_LINE}${SHOW_CURSOR}`);
    },
  };
}

function moreText(count: number): string {
  return `… ${count} more line${count === 1 ? "" : "s"}`;
}

function visibleWidth(line: string): number {
  return widthOf(line.replaceAll(COLOUR, ""));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
const COLOUR = /\x1b\[[0-9;]*m/g;
