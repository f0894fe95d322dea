import { blankRow, type CellRow, type Pen, putLine, rowChanges, turnPen } from "./cells.ts";

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * The screen as it is to be, and as the terminal has it. Ink lays the components out, but what they show is drawn here:
 * Ink 6 splits every cell of a frame anew (50 ms for 200 x 59) and keeps every text it ever measured.
 */
export interface Canvas {
  /** Draws painted lines into a rectangle; what they leave free is blank. */
  draw(where: Rectangle, lines: readonly string[]): void;
  /** Bytes that bring the terminal up to date; empty when it is. */
  changes(): string;
  /** A screen of another size, or one of which nobody knows what it shows. */
  reset(columns: number, rows: number): void;
}

/** DEC mode 2026: the terminal shows what lies between as one. Others ignore it. */
const BEGIN = "\x1b[?2026h";
const END = "\x1b[?2026l";
const CLEAR = "\x1b[m\x1b[2J";

/** Makes an empty canvas. */
export function createCanvas(columns: number, rows: number): Canvas {
  let shown: CellRow[] = [];
  let wanted: CellRow[] = [];
  /** The line each row was drawn from, by the column it began at: equal ones are not taken apart again. */
  let drawn: Map<number, string>[] = [];
  let isUnknown = true;
  const reset = (newColumns: number, newRows: number): void => {
    shown = Array.from({ length: newRows }, () => blankRow(newColumns));
    wanted = Array.from({ length: newRows }, () => blankRow(newColumns));
    drawn = Array.from({ length: newRows }, () => new Map());
    isUnknown = true;
  };
  reset(columns, rows);
  return {
    reset,
    draw({ x, y, width, height }, lines) {
      for (let index = 0; index < height; index++) {
        const row = wanted[y + index];
        const known = drawn[y + index];
        if (row === undefined || known === undefined) return;
        const line = lines[index] ?? "";
        const key = `${width}:${line}`;
        if (known.get(x) === key) continue;
        // Something of another width may have been drawn over it.
        for (const from of known.keys()) if (from > x && from < x + width) known.delete(from);
        for (const from of known.keys()) if (from < x) invalidateOverlap(known, from, x);
        known.set(x, key);
        putLine(row, x, width, line);
      }
    },
    changes() {
      const pen: Pen = { style: "" };
      let out = "";
      for (const [y, row] of wanted.entries()) {
        const before = shown[y];
        if (before === undefined) continue;
        const change = rowChanges(before, row, y, pen);
        if (change === "") continue;
        out += change;
        shown[y] = { texts: [...row.texts], styles: [...row.styles] };
      }
      if (!isUnknown && out === "") return "";
      const clear = isUnknown ? CLEAR : "";
      isUnknown = false;
      return `${BEGIN}${clear}${out}${turnPen(pen, "")}${END}`;
    },
  };
}

function invalidateOverlap(known: Map<number, string>, from: number, x: number): void {
  const width = Number.parseInt(known.get(from) ?? "0", 10);
  if (from + width > x) known.delete(from);
}
