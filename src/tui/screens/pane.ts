import type { Slot } from "../layout.ts";
import type { Shown } from "../screen.ts";
import { beginsAtFirst } from "../state/move.ts";
import { paneOf } from "../state/panes.ts";
import { cursorIndex, scrollTop } from "../state/scroll.ts";
import { type PaneId, panesOf } from "../state/ui.ts";
import type { Rectangle } from "../terminal/canvas.ts";
import { titleLine } from "../views/frame.ts";

/** Where the rows of a pane are on the screen, and which is the first of them. */
export interface Place {
  readonly where: Rectangle;
  /** Lines above the rows. */
  readonly head: number;
  readonly first: number;
}

/** What drawing finds out that keys and mouse go by: where panes are, and how far a page is really scrolled. */
export interface Places {
  readonly panes: Map<PaneId, Place>;
  top: number;
  above: number;
}

const emptyTexts: Readonly<Record<PaneId, string>> = {
  gpus: "no GPUs: jobs without GPUs run all the same",
  workers: "no workers: the first job of a runtime starts one",
  running: "nothing runs",
  queue: "nothing waits",
  events: "nothing has happened yet",
  users: "nobody has used a GPU yet",
  runtimes: "no job has finished yet",
  history: "no job has finished yet",
};

function emptyTextOf(id: PaneId, { snap, ui }: Shown): string {
  if (snap.status === null) return "";
  return ui.filter === "" ? emptyTexts[id] : "no row has these words";
}

/** Draws a pane, and notes in `places` where its rows came to be. */
export function drawPane(shown: Shown, slot: Slot, places: Places, where: Rectangle): string[] {
  const { snap, ui, look } = shown;
  const pane = paneOf(slot.id, shown);
  const isFocused = ui.pane === slot.id;
  const head = slot.hasHeading ? 2 : 1;
  const rows = Math.max(0, where.height - head);
  const index = cursorIndex(pane.keys, ui.cursors[slot.id]);
  const first = scrollTop(places.panes.get(slot.id)?.first ?? 0, index, rows, pane.keys.length);
  places.panes.set(slot.id, { where, head, first });
  const lines = pane.lines(where.width, first, rows);
  const number = panesOf[ui.view].indexOf(slot.id) + 1;
  // In the midst of a long list only the jobs' ids say where one is.
  const counted = pane.isPartial && !beginsAtFirst(slot.id, ui) ? null : first;
  const title = titleLine(
    look,
    pane,
    { isFocused, first: counted, shown: lines.length, number },
    where.width,
  );
  const heading = slot.hasHeading ? [look.paint("dim", pane.heading(where.width))] : [];
  if (lines.length === 0) {
    const why = pane.total > 0 ? look.glyphs.ellipsis : emptyTextOf(slot.id, shown);
    return [title, ...heading, look.paint("dim", look.cut(`  ${why}`, where.width))];
  }
  const body = lines.map((line, at) => {
    const live = snap.link.state === "lost" ? look.grey(line) : line;
    return isFocused && first + at === index ? look.select(live) : live;
  });
  return [title, ...heading, ...body];
}
