/** What a table would like: how wide each column is, and what may happen to it where there is no room. */
export interface Wish {
  /** Of its widest cell, heading included. */
  readonly width: number;
  /** It may be cut, down to `SHORTEST` columns. */
  readonly shrinks: boolean;
  /** Where there is no room the lowest go first, of equals the last. */
  readonly rank: number;
}

/** Narrower than this a text says nothing. */
const SHORTEST = 10;
const GAP = 2;

/**
 * The width of each column so that a line is at most `limit` wide; 0 = it is left out. Texts are cut before a column
 * goes; the one that remains at the end is cut to the limit.
 */
export function fitColumns(wishes: readonly Wish[], limit: number): number[] {
  const kept = new Set(wishes.keys());
  const leastOf = (index: number): number => {
    const { width = 0, shrinks = false } = wishes[index] ?? {};
    return shrinks ? Math.min(width, SHORTEST) : width;
  };
  const least = (): number =>
    [...kept].reduce((sum, index) => sum + leastOf(index), 0) + GAP * (kept.size - 1);
  while (kept.size > 1 && least() > limit) kept.delete(leastImportant(wishes, kept));
  const widths = wishes.map(({ width }, index) => (kept.has(index) ? width : 0));
  shrink(widths, wishes, limit - GAP * (kept.size - 1));
  return widths;
}

function leastImportant(wishes: readonly Wish[], kept: ReadonlySet<number>): number {
  let found = -1;
  for (const index of kept) {
    const isLower = (wishes[index]?.rank ?? 0) <= (wishes[found]?.rank ?? Number.POSITIVE_INFINITY);
    if (isLower) found = index;
  }
  return found;
}

/** Takes what is too much from the widest that may shrink, in turn; from the only one left in any case. */
function shrink(widths: number[], wishes: readonly Wish[], room: number): void {
  const shown = [...widths.keys()].filter((index) => (widths[index] ?? 0) > 0);
  const able = shown.length === 1 ? shown : shown.filter((index) => wishes[index]?.shrinks === true);
  let over = shown.reduce((sum, index) => sum + (widths[index] ?? 0), 0) - room;
  while (over > 0) {
    const widest = able.reduce<number | undefined>(
      (best, index) => (best === undefined || (widths[index] ?? 0) > (widths[best] ?? 0) ? index : best),
      undefined,
    );
    if (widest === undefined) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
    over -= 1;
  }
}
