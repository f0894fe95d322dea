import { type TerminalSize, validSize } from "../../std/terminal-frames.ts";
import type { Io } from "../io.ts";

/** The size of the caller's terminal; null when stdout is none. */
export function sizeOf({ stdout }: Pick<Io, "stdout">): TerminalSize | null {
  const { columns, rows } = stdout;
  return stdout.isTTY === true && columns !== undefined && rows !== undefined
    ? validSize({ columns, rows })
    : null;
}
