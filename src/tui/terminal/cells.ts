import { widthOf } from "../../cli/text/width.ts";

/** One row of a screen: the text of each column and the SGR parameters it is shown with. */
export interface CellRow {
  /** A wide character is followed by an empty cell. */
  readonly texts: string[];
  readonly styles: string[];
}

const BLANK = " ";

/** An empty row. */
export function blankRow(columns: number): CellRow {
  return { texts: Array<string>(columns).fill(BLANK), styles: Array<string>(columns).fill("") };
}

/** Writes a painted line into a row, from column `x` on and over exactly `columns` columns. */
export function putLine(row: CellRow, x: number, columns: number, line: string): void {
  const end = Math.min(row.texts.length, x + columns);
  let at = x;
  let style = "";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are our own sequences
  for (const [, sgr, text] of line.matchAll(/\x1b\[([\d;]*)m|([^\x1b]+)/g)) {
    if (text === undefined) style = sgr === "0" ? "" : (sgr ?? "").replace(/^0;/, "");
    else at = putText(row, at, end, text, style);
  }
  for (; at < end; at++) putCell(row, at, BLANK, "");
}

function putText(row: CellRow, from: number, end: number, text: string, style: string): number {
  let at = from;
  for (const character of text) {
    const width = widthOf(character);
    if (width === 0) {
      // It is drawn over the one before.
      if (at > from) row.texts[at - 1] += character;
      continue;
    }
    if (at + width > end) return fillTo(row, at, end, style);
    putCell(row, at, character, style);
    if (width === 2) putCell(row, at + 1, "", style);
    at += width;
  }
  return at;
}

function fillTo(row: CellRow, from: number, end: number, style: string): number {
  for (let at = from; at < end; at++) putCell(row, at, BLANK, style);
  return end;
}

function putCell(row: CellRow, at: number, text: string, style: string): void {
  row.texts[at] = text;
  row.styles[at] = style;
}

/** Equal cells between two changes are written again when there are no more than these: moving the cursor costs as much. */
const BRIDGE = 5;

/** What the terminal writes with now: SGR parameters, empty at first. It lasts from one change to the next. */
export interface Pen {
  style: string;
}

/**
 * What turns a row on the screen into another, as bytes for the terminal; empty when they are equal.
 * @param y row of the screen, from 0
 */
export function rowChanges(before: CellRow, after: CellRow, y: number, pen: Pen): string {
  const columns = after.texts.length;
  const isSame = (at: number): boolean =>
    before.texts[at] === after.texts[at] && before.styles[at] === after.styles[at];
  const contentEnd = endOfContent(after);
  let out = "";
  let at = 0;
  while (at < columns) {
    if (isSame(at)) {
      at += 1;
      continue;
    }
    let end = at + 1;
    for (let next = end; next < columns && next - end <= BRIDGE; next++) if (!isSame(next)) end = next + 1;
    // A wide character is written from its first cell on.
    const from = after.texts[at] === "" && at > 0 ? at - 1 : at;
    out += `\x1b[${y + 1};${from + 1}H${runOf(after, from, Math.min(end, Math.max(contentEnd, from)), pen)}`;
    if (end > contentEnd) {
      // Whatever stood behind the content goes, to the end of the line.
      out += `${turnPen(pen, "")}\x1b[K`;
      break;
    }
    at = end;
  }
  return out;
}

/** Column behind the last one that is not plainly blank. */
function endOfContent({ texts, styles }: CellRow): number {
  let end = texts.length;
  while (end > 0 && texts[end - 1] === BLANK && styles[end - 1] === "") end -= 1;
  return end;
}

function runOf({ texts, styles }: CellRow, from: number, end: number, pen: Pen): string {
  let out = "";
  for (let at = from; at < end; at++) out += turnPen(pen, styles[at] ?? "") + (texts[at] ?? "");
  return out;
}

/** What changes the pen; empty when it is right. */
export function turnPen(pen: Pen, style: string): string {
  if (style === pen.style) return "";
  const isFresh = pen.style === "";
  pen.style = style;
  if (style === "") return "\x1b[m";
  return isFresh ? `\x1b[${style}m` : `\x1b[0;${style}m`;
}
