/** What a list of jobs knows of each: ids fall from row to row. */
interface Row {
  readonly id: number;
}

/** Adds a further page below the rows that are known. */
export function appendPage<T extends Row>(rows: readonly T[], page: readonly T[]): readonly T[] {
  const last = rows.at(-1)?.id ?? Number.MAX_SAFE_INTEGER;
  return [...rows, ...page.filter(({ id }) => id < last)];
}

/**
 * Puts a fresh look at some rows over the known ones. The page holds all rows below the id `before` down to its own last
 * one, or to the end of the list when it has fewer than `limit`: what is known there and not in the page is gone.
 */
export function refreshRows<T extends Row>(
  rows: readonly T[],
  page: readonly T[],
  { before, limit }: { readonly before: number; readonly limit: number },
): readonly T[] {
  const lowest = page.length < limit ? 0 : (page.at(-1)?.id ?? 0);
  const above = rows.filter(({ id }) => id >= before);
  const below = rows.filter(({ id }) => id < lowest);
  return [...above, ...page.filter(({ id }) => id < before), ...below];
}

/** Where an array is one row, another of its jobs may have come to stand for it: the first counts. */
export function onePerArray<T extends { readonly array: { readonly id: number } | null }>(
  rows: readonly T[],
): readonly T[] {
  const seen = new Set<number>();
  return rows.filter(({ array }) => {
    if (array === null) return true;
    const isNew = !seen.has(array.id);
    seen.add(array.id);
    return isNew;
  });
}

/** The rows that a window shows, with some to spare at both ends so that scrolling does not outrun them. */
export function windowOf(
  count: number,
  rowHeight: number,
  view: { readonly top: number; readonly height: number },
): { readonly first: number; readonly end: number } {
  const spare = 8;
  const first = Math.max(0, Math.min(count, Math.floor(view.top / rowHeight)) - spare);
  const end = Math.min(count, Math.ceil((view.top + view.height) / rowHeight) + spare);
  return { first, end: Math.max(first, end) };
}
