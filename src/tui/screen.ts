import { hostname } from "node:os";
import type { Feed } from "./feed/feed.ts";
import type { Snapshot, Wish } from "./feed/snapshot.ts";
import { layOut, type Slot } from "./layout.ts";
import type { Place, Places } from "./screens/pane.ts";
import { factsOf } from "./state/facts.ts";
import { place } from "./state/move.ts";
import type { Order } from "./state/orders.ts";
import type { Facts } from "./state/pane-keys.ts";
import { type Pane, paneOf } from "./state/panes.ts";
import { paste, press } from "./state/press.ts";
import { cursorIndex } from "./state/scroll.ts";
import { type PaneId, panesOf, readFilter, type Ui } from "./state/ui.ts";
import type { Canvas } from "./terminal/canvas.ts";
import type { Input } from "./terminal/keys.ts";
import { createPace } from "./terminal/pace.ts";
import type { Terminal } from "./terminal/terminal.ts";
import { createLook, type Look, type LookOptions, type Role } from "./text/look.ts";

/** All that a frame is made of. A new one means a new frame. */
export interface Shown {
  readonly snap: Snapshot;
  readonly ui: Ui;
  readonly look: Look;
  readonly columns: number;
  readonly rows: number;
  readonly slots: readonly (readonly Slot[])[];
  readonly host: string;
  readonly isReadOnly: boolean;
}

/** The screen as the components see it, and what keys do to it. */
export interface Screen {
  readonly canvas: Canvas;
  /** Where things were drawn last. */
  readonly places: Places;
  shown(): Shown;
  listen(hear: () => void): () => void;
  /** The components have drawn: out it goes. */
  onDrawn(): void;
  onInput(input: Input): void;
  ui(): Ui;
  say(text: string, role: Role): void;
  change(changes: Partial<Ui>): void;
  /** No frames while the terminal is somebody else's. */
  pause(isPaused: boolean): void;
  /** Draws all of it anew, at the size that the terminal has now. */
  redraw(): void;
}

export interface ScreenOptions {
  readonly feed: Feed;
  readonly canvas: Canvas;
  readonly terminal: Terminal;
  readonly ui: Ui;
  readonly isReadOnly: boolean;
  readonly look: Omit<LookOptions, "theme">;
  readonly monotonicMs: () => number;
  readonly onOrder: (order: Order) => void;
}

/** A window of a long list has so many screens of rows; with a filter it is as long as it may be. */
const WINDOW_PAGES = 3;
const FILTER_ROWS = 1_000;
const LEAST_WINDOW = 30;
/** Head, foot, and the last row of the terminal. */
const FRAME_ROWS = 3;
const WHEEL_ROWS = 3;

/** Puts feed, keys and frames together. */
export function createScreen(options: ScreenOptions): Screen {
  const { feed, canvas, terminal } = options;
  const places: Places = { panes: new Map(), top: 0, above: 0 };
  const hearers = new Set<() => void>();
  const host = hostname().split(".")[0] ?? "";
  let ui = options.ui;
  const compose = (): Shown => {
    const look = createLook({ ...options.look, theme: ui.theme });
    const base = { snap: feed.snapshot(), ui, look, host, isReadOnly: options.isReadOnly };
    const { columns, rows } = terminal;
    return { ...base, columns, rows, slots: slotsOf(base, columns, rows) };
  };
  let shown = compose();
  const pace = createPace(options.monotonicMs, () => {
    shown = compose();
    for (const hear of hearers) hear();
  });
  const setUi = (next: Ui): void => {
    ui = next;
    feed.want(wishOf(ui, terminal.rows));
    pace.request();
  };
  const focused = (): { pane: Pane; facts: Facts } => {
    const source = { snap: feed.snapshot(), ui, look: shown.look };
    const pane = paneOf(ui.pane, source);
    const slot = shown.slots.flat().find(({ id }) => id === ui.pane);
    const pageRows = slot === undefined ? 10 : Math.max(1, slot.height - (slot.hasHeading ? 2 : 1));
    return { pane, facts: factsOf({ ...source, pane, pageRows, places, isReadOnly: options.isReadOnly }) };
  };
  feed.listen(pace.request);
  feed.want(wishOf(ui, terminal.rows));
  return {
    canvas,
    places,
    shown: () => shown,
    ui: () => ui,
    listen(hear) {
      hearers.add(hear);
      return () => hearers.delete(hear);
    },
    onDrawn() {
      if (pace.isPaused) return;
      if (!terminal.isReady) return pace.request();
      const bytes = canvas.changes();
      if (bytes !== "") terminal.write(bytes);
    },
    onInput(input) {
      if (input.type === "paste") return setUi(paste(ui, input));
      if (input.type === "mouse") return setUi(click(ui, input, places.panes, focused().pane));
      const { ui: next, order } = press(ui, input.name, focused().facts);
      setUi(next);
      if (order != null) options.onOrder(order);
    },
    say: (text, role) => setUi({ ...ui, message: { text, role } }),
    change: (changes) => setUi({ ...ui, ...changes }),
    pause: pace.pause,
    redraw() {
      canvas.reset(terminal.columns, terminal.rows);
      pace.now();
    },
  };
}

function slotsOf(source: Pick<Shown, "snap" | "ui" | "look">, columns: number, rows: number): Slot[][] {
  const { snap, ui } = source;
  const needs = {
    gpus: snap.status?.gpus.length ?? 0,
    workers: snap.status?.workers.length ?? 0,
    running: snap.running.length,
    queue: snap.queue.length,
    events: snap.events.length,
    users: snap.users?.accounts.length ?? 0,
    runtimes: snap.runtimes.length,
    history: snap.finished.length,
  };
  return layOut({
    columns,
    rows: rows - FRAME_ROWS,
    view: ui.view,
    focus: ui.pane,
    isZoomed: ui.isZoomed,
    needs,
  });
}

function wishOf(ui: Ui, rows: number): Wish {
  const { runtime, words } = readFilter(ui.filter);
  const isSearch = words.length > 0 || ui.sorts.queue !== undefined || ui.sorts.history !== undefined;
  return {
    view: ui.view,
    queue: ui.queue,
    finished: ui.finished,
    rows: isSearch ? FILTER_ROWS : Math.max(LEAST_WINDOW, rows * WINDOW_PAGES),
    runtime,
    detail: ui.mode.kind === "detail" ? ui.mode.target : null,
  };
}

type Mouse = Extract<Input, { type: "mouse" }>;

/** The wheel moves the cursor of the pane in use; a press puts it onto a row. */
function click(ui: Ui, mouse: Mouse, places: ReadonlyMap<PaneId, Place>, pane: Pane): Ui {
  if (ui.mode.kind !== "normal") return ui;
  if (mouse.what !== "press") {
    const by = mouse.what === "wheel-down" ? WHEEL_ROWS : -WHEEL_ROWS;
    const index = cursorIndex(pane.keys, ui.cursors[ui.pane]);
    return index < 0 ? ui : place(ui, Math.max(0, Math.min(pane.keys.length - 1, index + by)), pane.keys);
  }
  const hit = [...places].find(([id, { where }]) => panesOf[ui.view].includes(id) && isWithin(mouse, where));
  if (hit === undefined) return ui;
  const [id, { where, head, first }] = hit;
  const row = mouse.y - where.y - head;
  const inPane = { ...ui, pane: id };
  return row < 0
    ? inPane
    : { ...inPane, cursors: { ...ui.cursors, [id]: { key: null, index: first + row } } };
}

function isWithin({ x, y }: Mouse, where: Place["where"]): boolean {
  return x >= where.x && x < where.x + where.width && y >= where.y && y < where.y + where.height;
}
