import type { Anchor, Target } from "../feed/snapshot.ts";
import type { Role, Theme } from "../text/look.ts";
import type { Order } from "./orders.ts";

export const paneIds = [
  "gpus",
  "workers",
  "running",
  "queue",
  "events",
  "users",
  "runtimes",
  "history",
] as const;
export type PaneId = (typeof paneIds)[number];

export type View = "main" | "users" | "history";

/** The panes of each view, in the order of Tab. */
export const panesOf: Readonly<Record<View, readonly PaneId[]>> = {
  main: ["gpus", "workers", "running", "queue", "events"],
  users: ["users"],
  history: ["runtimes", "history"],
};

/** Where the cursor of a pane is: on this row, or where it was when that has gone. */
export interface Cursor {
  readonly key: string | null;
  readonly index: number;
}

export interface Sort {
  /** Of the column. */
  readonly title: string;
  readonly isDown: boolean;
}

/** What keys are for at the moment. */
export type Mode =
  | { readonly kind: "normal" }
  /** A line is typed at the bottom; Escape brings `before` back. */
  | { readonly kind: "filter"; readonly text: string; readonly before: string }
  | { readonly kind: "command"; readonly text: string; readonly at: number }
  | { readonly kind: "ask-runtime"; readonly text: string; readonly gpu: string | null }
  /** A question that y answers. */
  | { readonly kind: "confirm"; readonly question: string; readonly order: Order }
  | { readonly kind: "help"; readonly top: number }
  | {
      readonly kind: "output";
      readonly title: string;
      readonly lines: readonly string[];
      readonly top: number;
    }
  | {
      readonly kind: "detail";
      readonly target: Target;
      /** The log takes all the room. */
      readonly isLog: boolean;
      /** First line of the upper part. */
      readonly top: number;
      /** Lines of the log below what is shown; 0 = its end is followed. */
      readonly above: number;
      /** Which part the keys move. */
      readonly part: "info" | "log";
    };

/** What the person at the screen has chosen. */
export interface Ui {
  readonly view: View;
  readonly pane: PaneId;
  readonly isZoomed: boolean;
  readonly cursors: Readonly<Partial<Record<PaneId, Cursor>>>;
  readonly sorts: Readonly<Partial<Record<PaneId, Sort>>>;
  readonly marks: ReadonlySet<number>;
  readonly filter: string;
  readonly mode: Mode;
  readonly queue: Anchor;
  readonly finished: Anchor;
  readonly message: { readonly text: string; readonly role: Role } | null;
  /** Command lines typed before, oldest first. */
  readonly commands: readonly string[];
  readonly hasMouse: boolean;
  readonly theme: Theme;
}

/** What is remembered from one time to the next. */
export type Settings = Pick<Ui, "sorts" | "hasMouse" | "theme" | "isZoomed" | "pane">;

/** How the screen is at first. */
export function firstUi(settings: Partial<Settings>): Ui {
  const pane = settings.pane !== undefined && panesOf.main.includes(settings.pane) ? settings.pane : "queue";
  return {
    view: "main",
    pane,
    isZoomed: settings.isZoomed ?? false,
    cursors: {},
    sorts: settings.sorts ?? {},
    marks: new Set(),
    filter: "",
    mode: { kind: "normal" },
    queue: { after: 0 },
    finished: { before: null },
    message: null,
    commands: [],
    hasMouse: settings.hasMouse ?? false,
    theme: settings.theme ?? "dark",
  };
}

/** Shows another view, with the keys in a pane of it. */
export function showView(ui: Ui, view: View): Ui {
  const isThere = panesOf[view].includes(ui.pane);
  const pane = isThere ? ui.pane : view === "main" ? "queue" : (panesOf[view].at(-1) ?? "queue");
  return { ...ui, view, pane, marks: new Set(), mode: { kind: "normal" } };
}

/** The runtime that a filter like "runtime:sdxl fox" asks the daemon for, and the words that are looked for in the rows. */
export function readFilter(filter: string): { runtime: string | null; words: readonly string[] } {
  const parts = filter.trim().split(/\s+/).filter(Boolean);
  const runtime = parts.findLast((part) => /^runtime:./.test(part))?.slice("runtime:".length) ?? null;
  return {
    runtime,
    words: parts.filter((part) => !part.startsWith("runtime:")).map((part) => part.toLowerCase()),
  };
}

/** Whether a row's text has every word, and none of those that begin with "!". */
export function matches(text: string, words: readonly string[]): boolean {
  const lower = text.toLowerCase();
  return words.every((word) =>
    word.startsWith("!") && word.length > 1 ? !lower.includes(word.slice(1)) : lower.includes(word),
  );
}
