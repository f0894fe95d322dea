import { readFileSync } from "node:fs";
import { errnoOf } from "../../std/failure.ts";
import type { Io } from "../io.ts";

/** What a terminal says of itself. */
export interface TerminalTraits {
  readonly hasSixel: boolean;
  /** Of its whole window; null = it does not say. */
  readonly widthPixels: number | null;
  /** Colours that sixels may have at a time; null = it does not say. */
  readonly colours: number | null;
}

/**
 * How many colours, how large, and last what it can do: that all terminals answer, so nothing comes behind it.
 * XTSMGRAPHICS, XTWINOPS and DA1: invisible-island.net/xterm/ctlseqs/ctlseqs.html
 */
const QUESTION = "\x1b[?1;1;0S\x1b[14t\x1b[c";
/** A terminal at the end of a slow connection has answered by then; one that never will costs no more. */
const ANSWER_MS = 1000;

/** Asks the terminal; null where there is none, or it belongs to another program just now. Keys pressed meanwhile are lost. */
export async function askTerminal({ stdin, stdout }: Io): Promise<TerminalTraits | null> {
  if (stdin.isTTY !== true || stdout.isTTY !== true || !isInForeground()) return null;
  let heard = "";
  let settle: () => void = () => {};
  const onData = (bytes: Buffer | string): void => {
    heard += String(bytes);
    if (traitsIn(heard) !== null) settle();
  };
  // A window that is closed meanwhile answers nothing more.
  const onError = (): void => settle();
  stdin.on("data", onData).on("error", onError);
  const timer = setTimeout(() => settle(), ANSWER_MS);
  try {
    stdin.setRawMode?.(true);
    stdout.write(QUESTION);
    await new Promise<void>((resolve) => {
      settle = resolve;
    });
    stdin.setRawMode?.(false);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  } finally {
    clearTimeout(timer);
    stdin.off("data", onData).off("error", onError).pause();
  }
  return traitsIn(heard);
}

/** What was answered; null while the last answer is missing. */
export function traitsIn(heard: string): TerminalTraits | null {
  const [, can] = /\[\?([\d;]*)c/.exec(heard) ?? [];
  if (can === undefined) return null;
  const numberIn = (answer: RegExp): number | null => {
    const value = Number(answer.exec(heard)?.[1] ?? 0);
    return value > 0 ? value : null;
  };
  return {
    // The first says what terminal it is.
    hasSixel: can.split(";").slice(1).includes("4"),
    widthPixels: numberIn(/\[4;\d+;(\d+)t/),
    colours: numberIn(/\[\?1;0;(\d+)S/),
  };
}

/** Who changes the settings of a terminal from the background is stopped for it. */
function isInForeground(): boolean {
  try {
    const [, , group, , , foreground] = (
      readFileSync("/proc/self/stat", "utf8").split(") ").at(-1) ?? ""
    ).split(" ");
    return group !== undefined && group === foreground;
  } catch {
    return false;
  }
}
