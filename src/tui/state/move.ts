import type { Anchor } from "../feed/snapshot.ts";
import type { Facts } from "./pane-keys.ts";
import { cursorIndex } from "./scroll.ts";
import type { PaneId, Ui } from "./ui.ts";

/** The screen after a key that moves the cursor; null for other keys. */
export function moveCursor(
  ui: Ui,
  name: string,
  facts: Pick<Facts, "keys" | "pageRows" | "isPartial">,
): Ui | null {
  const page = Math.max(1, facts.pageRows - 1);
  switch (name) {
    case "j":
    case "down":
      return moveBy(ui, 1, facts);
    case "k":
    case "up":
      return moveBy(ui, -1, facts);
    case "pgdn":
    case "ctrl-d":
    case "ctrl-f":
      return moveBy(ui, page, facts);
    case "pgup":
    case "ctrl-u":
    case "ctrl-b":
      return moveBy(ui, -page, facts);
    case "g":
    case "home":
      return jump(ui, "first");
    case "G":
    case "end":
      return jump(ui, "last", facts.keys);
    default:
      return null;
  }
}

/** Moves the cursor by rows, and the window of a long list with it. */
export function moveBy(
  ui: Ui,
  by: number,
  { keys, pageRows, isPartial }: Pick<Facts, "keys" | "pageRows" | "isPartial">,
): Ui {
  const from = cursorIndex(keys, ui.cursors[ui.pane]);
  if (from < 0) return ui;
  const index = Math.max(0, Math.min(keys.length - 1, from + by));
  const moved = place(ui, index, keys);
  return isPartial ? slide(moved, index, keys, Math.max(1, pageRows), by) : moved;
}

/** Puts the cursor of the pane in use onto a row. */
export function place(ui: Ui, index: number, keys: readonly string[]): Ui {
  const key = keys[index] ?? null;
  return { ...ui, cursors: { ...ui.cursors, [ui.pane]: { key, index } } };
}

/**
 * Where the cursor comes near an end of the window onto a long list, the window moves on, so that there is always more to
 * come. Sorted or filtered rows stay as they are.
 */
function slide(ui: Ui, index: number, keys: readonly string[], page: number, by: number): Ui {
  if (ui.filter !== "" || ui.sorts[ui.pane] !== undefined) return ui;
  const first = keys[Math.max(0, index - page)];
  const last = keys[Math.min(keys.length - 1, index + 2 * page)];
  const isNearEnd = by > 0 && index >= keys.length - page && keys.length >= 2 * page;
  const isNearStart = by < 0 && index < page;
  if (ui.pane === "queue") {
    if (isNearEnd) return { ...ui, queue: { after: Number(first) - 1 } };
    if (isNearStart && !isOldest(ui.queue)) return { ...ui, queue: { before: Number(last) + 1 } };
  }
  if (ui.pane === "history") {
    if (isNearEnd) return { ...ui, finished: { before: Number(first) + 1 } };
    if (isNearStart && !isNewest(ui.finished)) return { ...ui, finished: { after: Number(last) - 1 } };
  }
  return ui;
}

/** Whether the window of a pane is the beginning of its list, so that its rows can be counted. */
export function beginsAtFirst(pane: PaneId, ui: Pick<Ui, "queue" | "finished">): boolean {
  if (pane === "queue") return isOldest(ui.queue);
  return pane !== "history" || isNewest(ui.finished);
}

/** The queue begins with the oldest job, the history with the newest. */
function isOldest(anchor: Anchor): boolean {
  return "after" in anchor && anchor.after === 0;
}

function isNewest(anchor: Anchor): boolean {
  return "before" in anchor && anchor.before === null;
}

function jump(ui: Ui, to: "first" | "last", keys: readonly string[] = []): Ui {
  const isLast = to === "last";
  const cursors = { ...ui.cursors, [ui.pane]: { key: null, index: isLast ? Number.MAX_SAFE_INTEGER : 0 } };
  const moved = { ...ui, cursors };
  if (ui.pane === "queue") return { ...moved, queue: isLast ? { before: null } : { after: 0 } };
  if (ui.pane === "history") return { ...moved, finished: isLast ? { after: 0 } : { before: null } };
  return isLast ? place(moved, Math.max(0, keys.length - 1), keys) : moved;
}
