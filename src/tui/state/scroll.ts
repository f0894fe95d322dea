import type { Cursor } from "./ui.ts";

/** Where the cursor is among the rows there are now; -1 without rows. */
export function cursorIndex(keys: readonly string[], cursor: Cursor | undefined): number {
  if (keys.length === 0) return -1;
  const found = cursor?.key == null ? -1 : keys.indexOf(cursor.key);
  return found >= 0 ? found : Math.min(cursor?.index ?? 0, keys.length - 1);
}

/** The first row to be shown so that the cursor is in sight: where it was, if that will do. */
export function scrollTop(before: number, index: number, height: number, count: number): number {
  const last = Math.max(0, count - height);
  const seen = Math.min(before, Math.max(0, index));
  return Math.max(0, Math.min(last, Math.max(seen, index - height + 1)));
}
