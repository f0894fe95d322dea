import type { Colour } from "../output.ts";
import { fitColumns } from "./fit-columns.ts";
import { oneLine, truncate, widthOf } from "./width.ts";

/** One column of a table: its heading and what stands in it. */
export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | number | null;
  readonly align?: "left" | "right";
  readonly colour?: (row: Row) => Colour | undefined;
  /** What --columns calls it; when left out the title in small letters, with - for blanks. */
  readonly name?: string;
  /** Free text, which is cut where the terminal is too narrow. */
  readonly shrinks?: boolean;
  /** How long it stays in a terminal that is too narrow for all: the lowest go first, of equals the last. 0 when left out. */
  readonly rank?: number;
}

const GAP = "  ";

/**
 * Lays rows out in plain columns under one heading line: no boxes, so that `awk` and `cut` work. Null shows as
 * "-". No line is wider than `limit`: texts are cut, then columns left out by their rank.
 */
export function layOut<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  limit: number,
  paint: (colour: Colour | undefined, text: string) => string,
  hasHead = true,
): string[] {
  const cells = rows.map((row) => columns.map((column) => oneLine(String(column.value(row) ?? "-")) || "-"));
  const wishes = columns.map(({ title, shrinks = false, rank = 0 }, index) => ({
    width: Math.max(hasHead ? widthOf(title) : 1, ...cells.map((line) => widthOf(line[index] ?? ""))),
    shrinks,
    rank,
  }));
  const widths = fitColumns(wishes, limit);
  const shown = [...columns.keys()].filter((index) => (widths[index] ?? 0) > 0);
  const line = (texts: readonly string[], colourOf: (index: number) => Colour | undefined): string =>
    shown
      .map((index) => {
        const width = widths[index] ?? 0;
        const cut = truncate(texts[index] ?? "", width);
        const fill = " ".repeat(width - widthOf(cut));
        const painted = paint(colourOf(index), cut);
        if (columns[index]?.align === "right") return fill + painted;
        return index === shown.at(-1) ? painted : painted + fill;
      })
      .join(GAP)
      .trimEnd();
  const head = hasHead
    ? [
        line(
          columns.map((column) => column.title),
          () => "bold",
        ),
      ]
    : [];
  return [...head, ...cells.map((texts, at) => line(texts, (index) => colourAt(rows[at], columns[index])))];
}

function colourAt<Row>(row: Row | undefined, column: Column<Row> | undefined): Colour | undefined {
  return row === undefined ? undefined : column?.colour?.(row);
}
