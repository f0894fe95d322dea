import type { Colour } from "../output.ts";
import { oneLine, truncate, widthOf } from "./width.ts";

/** One column of a table: its heading and what stands in it. */
export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string | number | null;
  readonly align?: "left" | "right";
  readonly colour?: (row: Row) => Colour | undefined;
}

const GAP = "  ";

/**
 * Lays rows out in plain columns under one heading line: no boxes, so that `awk` and `cut` work. Null shows as
 * "-". Lines are cut to `limit` columns.
 */
export function layOut<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  limit: number,
  paint: (colour: Colour | undefined, text: string) => string,
): string[] {
  const cells = rows.map((row) => columns.map((column) => oneLine(String(column.value(row) ?? "-")) || "-"));
  const widths = columns.map((column, index) =>
    Math.max(widthOf(column.title), ...cells.map((line) => widthOf(line[index] ?? ""))),
  );
  const line = (texts: readonly string[], colourOf: (index: number) => Colour | undefined): string => {
    let used = 0;
    const parts: string[] = [];
    for (const [index, text] of texts.entries()) {
      const gap = index === 0 ? "" : GAP;
      const room = limit - used - gap.length;
      if (room <= 0) break;
      const cut = truncate(text, room);
      const isLast = index === texts.length - 1;
      const fill = " ".repeat(
        Math.max(0, Math.min((widths[index] ?? 0) - widthOf(cut), room - widthOf(cut))),
      );
      const painted = paint(colourOf(index), cut);
      parts.push(
        gap + (columns[index]?.align === "right" ? fill + painted : isLast ? painted : painted + fill),
      );
      used += gap.length + widthOf(cut) + fill.length;
    }
    return parts.join("").trimEnd();
  };
  const head = line(
    columns.map((column) => column.title),
    () => "bold",
  );
  return [head, ...cells.map((texts, at) => line(texts, (index) => colourAt(rows[at], columns[index])))];
}

function colourAt<Row>(row: Row | undefined, column: Column<Row> | undefined): Colour | undefined {
  return row === undefined ? undefined : column?.colour?.(row);
}
