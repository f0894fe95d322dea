import type { PaneId, View } from "./state/ui.ts";
import { panesOf } from "./state/ui.ts";

/** A pane with the rows it gets, its title line among them. */
export interface Slot {
  readonly id: PaneId;
  readonly height: number;
  /** Whether the titles of its columns are shown, too. */
  readonly hasHeading: boolean;
}

export interface LayoutInput {
  readonly columns: number;
  /** Rows for panes: those of the terminal without its last, the head and the foot. */
  readonly rows: number;
  readonly view: View;
  readonly focus: PaneId;
  readonly isZoomed: boolean;
  /** Rows that the panes have to show. */
  readonly needs: Readonly<Partial<Record<PaneId, number>>>;
}

/** From here on there are two columns of panes side by side. */
const TWO_COLUMNS = 160;
/** The first to go where rows are short, unless the keys are in it. */
const DISPENSABLE: readonly PaneId[] = ["events", "running", "workers", "gpus"];
/** A title and four rows: what is less goes. */
const LEAST_ROWS = 5;
/** With fewer rows for each pane only the one in use has a heading. */
const HEADING_ROWS = 7;
/** A pane that shows nothing still says so. */
const EMPTY_ROWS = 1;

/** Which panes are shown, in one column or two, and how high each is. The heights of a column sum up to `rows`. */
export function layOut(input: LayoutInput): Slot[][] {
  const { columns, rows, view, focus, isZoomed } = input;
  if (rows < 1) return [];
  if (isZoomed && panesOf[view].includes(focus)) return [[{ id: focus, height: rows, hasHeading: rows > 2 }]];
  if (view === "main" && columns >= TWO_COLUMNS) {
    return [stack(["gpus", "workers", "events"], input), stack(["running", "queue"], input)];
  }
  return [stack(panesOf[view], input)];
}

function stack(ids: readonly PaneId[], { rows, focus, needs }: LayoutInput): Slot[] {
  const kept = [...ids];
  for (const id of DISPENSABLE) {
    if (kept.length * LEAST_ROWS <= rows) break;
    if (id !== focus && kept.includes(id)) kept.splice(kept.indexOf(id), 1);
  }
  const want = kept.map((id) => Math.max(EMPTY_ROWS, needs[id] ?? 0));
  const got = kept.map(() => 0);
  const chrome = kept.map((id) =>
    rows >= kept.length * HEADING_ROWS || (id === focus && rows > LEAST_ROWS) ? 2 : 1,
  );
  let left = rows - chrome.reduce((sum, each) => sum + each, 0);
  // Row by row to whoever has the least of what it wants; the pane in use, and GPUs, count half.
  while (left > 0) {
    const next = hungriest(kept, want, got, focus);
    if (next < 0) break;
    got[next] = (got[next] ?? 0) + 1;
    left -= 1;
  }
  const last = kept.length - 1;
  return kept.map((id, index) => ({
    id,
    height: (chrome[index] ?? 1) + (got[index] ?? 0) + (index === last ? Math.max(0, left) : 0),
    hasHeading: chrome[index] === 2,
  }));
}

function hungriest(
  ids: readonly PaneId[],
  want: readonly number[],
  got: readonly number[],
  focus: PaneId,
): number {
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (const [index, id] of ids.entries()) {
    const has = got[index] ?? 0;
    if (has >= (want[index] ?? 0)) continue;
    const weight = id === focus || id === "gpus" ? 2 : 1;
    if (has / weight < least) {
      least = has / weight;
      best = index;
    }
  }
  return best;
}
