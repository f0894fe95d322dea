import { widthOf } from "../../cli/text/width.ts";
import type { Look, Role } from "./look.ts";

/** One column of a pane. */
export interface PaneColumn<Row> {
  readonly title: string;
  /** Text of the cell, fit for the terminal. */
  readonly text?: (row: Row) => string;
  readonly role?: (row: Row) => Role;
  /** Instead of text: a painted cell of exactly `columns` columns. */
  readonly draw?: (row: Row, columns: number) => string;
  readonly align?: "left" | "right";
  /** Exactly so wide; otherwise as wide as the widest cell, up to `most`. */
  readonly width?: number;
  readonly most?: number;
  /** It also gets this share of what is left over, and `width` is its least. */
  readonly grow?: number;
  /** Columns go when there is no room for all, the one with the highest number first; without it stays. */
  readonly drop?: number;
  /** What is compared when the pane is sorted by it; without it cannot be sorted by. */
  readonly by?: (row: Row) => number | string;
}

/** Columns chosen and measured for a width. */
export interface Fitted<Row> {
  readonly columns: readonly PaneColumn<Row>[];
  readonly widths: readonly number[];
}

const GAP = 1;

/** Chooses the columns that fit, and how wide each is. The sum never exceeds `width`. */
export function fitColumns<Row>(
  columns: readonly PaneColumn<Row>[],
  rows: readonly Row[],
  width: number,
): Fitted<Row> {
  const least = new Map(columns.map((column) => [column, leastWidth(column, rows)]));
  const kept = [...columns];
  const total = (): number => kept.reduce((sum, column) => sum + (least.get(column) ?? 0) + GAP, -GAP);
  while (total() > width) {
    const goes = kept.reduce<PaneColumn<Row> | undefined>(
      (most, column) => ((column.drop ?? 0) > (most?.drop ?? 0) ? column : most),
      undefined,
    );
    if (goes === undefined) break;
    kept.splice(kept.indexOf(goes), 1);
  }
  return { columns: kept, widths: spread(kept, least, width - total(), width) };
}

function leastWidth<Row>(column: PaneColumn<Row>, rows: readonly Row[]): number {
  if (column.width !== undefined) return column.width;
  const widest = rows.reduce(
    (most, row) => Math.max(most, widthOf(column.text?.(row) ?? "")),
    column.title.length,
  );
  return Math.min(widest, column.most ?? widest);
}

function spread<Row>(
  kept: readonly PaneColumn<Row>[],
  least: ReadonlyMap<PaneColumn<Row>, number>,
  spare: number,
  width: number,
): number[] {
  const shares = kept.reduce((sum, column) => sum + (column.grow ?? 0), 0);
  let left = Math.max(0, spare);
  let sharesLeft = shares;
  let room = width;
  return kept.map((column) => {
    const share = column.grow ?? 0;
    const extra = share === 0 ? 0 : Math.floor((left * share) / sharesLeft);
    left -= extra;
    sharesLeft -= share;
    const own = Math.max(0, Math.min(room, (least.get(column) ?? 0) + extra));
    room -= own + GAP;
    return own;
  });
}

/** The headings of fitted columns, as plain text; the one sorted by is marked. */
export function headingOf<Row>(
  look: Look,
  { columns, widths }: Fitted<Row>,
  sorted: { readonly title: string; readonly isDown: boolean } | null,
): string {
  return columns
    .map((column, index) => {
      const arrow = sorted?.title === column.title ? (sorted.isDown ? look.glyphs.down : look.glyphs.up) : "";
      return look.fit(column.title + arrow, widths[index] ?? 0, column.align);
    })
    .join(" ");
}

/** One row in fitted columns, painted. */
export function rowOf<Row>(look: Look, { columns, widths }: Fitted<Row>, row: Row): string {
  return columns
    .map((column, index) => {
      const width = widths[index] ?? 0;
      if (column.draw !== undefined) return width === 0 ? "" : column.draw(row, width);
      return look.paint(
        column.role?.(row) ?? "plain",
        look.fit(column.text?.(row) ?? "", width, column.align),
      );
    })
    .join(" ");
}
