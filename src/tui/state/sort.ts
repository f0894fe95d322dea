import type { Ui } from "./ui.ts";

/** Sorts the pane in use by its next column; after the last it is in its own order again. */
export function nextSort(ui: Ui, sortable: readonly string[]): Ui {
  const now = ui.sorts[ui.pane];
  const next = sortable[now === undefined ? 0 : sortable.indexOf(now.title) + 1];
  const { [ui.pane]: _, ...others } = ui.sorts;
  if (next === undefined) return { ...ui, sorts: others };
  return { ...ui, sorts: { ...others, [ui.pane]: { title: next, isDown: false } } };
}

/** Turns the order of the pane in use round, if it is sorted. */
export function turnSort(ui: Ui): Ui {
  const now = ui.sorts[ui.pane];
  if (now === undefined) return ui;
  return { ...ui, sorts: { ...ui.sorts, [ui.pane]: { ...now, isDown: !now.isDown } } };
}
