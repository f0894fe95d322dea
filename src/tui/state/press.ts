import type { Input } from "../terminal/keys.ts";
import { readCommand } from "./command-line.ts";
import type { Order } from "./orders.ts";
import { type Facts, pressInPane } from "./pane-keys.ts";
import type { Mode, Ui } from "./ui.ts";

/** The screen after a key, and what it asks for besides. */
export interface Pressed {
  readonly ui: Ui;
  readonly order?: Order | null;
}

const PAGE = 10;

/** What one key does. Changes nothing itself. */
export function press(ui: Ui, name: string, facts: Facts): Pressed {
  if (name === "ctrl-c") return { ui, order: { type: "quit" } };
  if (name === "ctrl-z") return { ui, order: { type: "suspend" } };
  if (name === "ctrl-l") return { ui, order: { type: "redraw" } };
  const { mode } = ui;
  switch (mode.kind) {
    case "normal":
      return pressInPane({ ...ui, message: null }, name, facts);
    case "filter":
    case "command":
    case "ask-runtime":
      return type(ui, mode, name);
    case "confirm":
      return name === "y" || name === "Y"
        ? { ui: { ...ui, mode: { kind: "normal" }, marks: new Set() }, order: mode.order }
        : { ui: { ...ui, mode: { kind: "normal" }, message: { text: "nothing was done", role: "dim" } } };
    case "help":
    case "output":
      return scroll(ui, mode, name, facts);
    default:
      return pressInDetail(ui, mode, name, facts);
  }
}

/** What was pasted is text where text is typed, and nothing anywhere else: it might be full of keys. */
export function paste(ui: Ui, input: Extract<Input, { type: "paste" }>): Ui {
  const { mode } = ui;
  if (mode.kind !== "filter" && mode.kind !== "command" && mode.kind !== "ask-runtime") return ui;
  const text = mode.text + input.text.replace(/\p{Cc}+/gu, " ");
  return withText(ui, mode, text);
}

type Typing = Extract<Mode, { readonly text: string }>;

function type(ui: Ui, mode: Typing, name: string): Pressed {
  const normal = { ...ui, mode: { kind: "normal" } as const };
  if (name === "esc") return { ui: mode.kind === "filter" ? { ...normal, filter: mode.before } : normal };
  if (name === "enter") return enterText(normal, mode);
  if (mode.kind === "command" && (name === "up" || name === "down")) return { ui: recall(ui, mode, name) };
  if (name === "backspace") {
    if (mode.text === "") return type(ui, mode, "esc");
    return { ui: withText(ui, mode, [...mode.text].slice(0, -1).join("")) };
  }
  if (name === "ctrl-u") return { ui: withText(ui, mode, "") };
  if (name === "ctrl-w") return { ui: withText(ui, mode, mode.text.replace(/\S*\s*$/, "")) };
  const character = name === "space" ? " " : name;
  return { ui: [...character].length === 1 ? withText(ui, mode, mode.text + character) : ui };
}

function withText(ui: Ui, mode: Typing, text: string): Ui {
  const changed = { ...ui, mode: { ...mode, text } };
  return mode.kind === "filter" ? { ...changed, filter: text } : changed;
}

function enterText(normal: Ui, mode: Typing): Pressed {
  const text = mode.text.trim();
  if (mode.kind === "filter") return { ui: { ...normal, filter: text } };
  if (text === "") return { ui: normal };
  if (mode.kind === "ask-runtime")
    return { ui: normal, order: { type: "switch", runtime: text, gpu: mode.gpu } };
  const commands = [...normal.commands.filter((line) => line !== text), text];
  return readCommand({ ...normal, commands }, text);
}

function recall(ui: Ui, mode: Extract<Mode, { kind: "command" }>, name: "up" | "down"): Ui {
  const at = Math.max(0, Math.min(ui.commands.length, mode.at + (name === "up" ? -1 : 1)));
  return { ...ui, mode: { ...mode, at, text: ui.commands[at] ?? "" } };
}

function scroll(
  ui: Ui,
  mode: Extract<Mode, { kind: "help" | "output" }>,
  name: string,
  { top }: Facts,
): Pressed {
  const by = step(name, PAGE);
  if (by !== null) return { ui: { ...ui, mode: { ...mode, top: Math.max(0, top + by) } } };
  if (["esc", "q", "?", "enter"].includes(name)) return { ui: { ...ui, mode: { kind: "normal" } } };
  return { ui: name === ":" ? { ...ui, mode: { kind: "command", text: "", at: ui.commands.length } } : ui };
}

function pressInDetail(ui: Ui, mode: Extract<Mode, { kind: "detail" }>, name: string, facts: Facts): Pressed {
  const by = step(name, Math.max(1, facts.pageRows));
  const change = (changes: Partial<typeof mode>): Pressed => ({
    ui: { ...ui, mode: { ...mode, ...changes } },
  });
  if (by !== null) {
    if (mode.part === "info" && !mode.isLog) return change({ top: Math.max(0, facts.top + by) });
    return change({ above: Math.max(0, Math.min(facts.logLines, facts.above - by)) });
  }
  switch (name) {
    case "esc":
    case "q":
      return { ui: { ...ui, mode: { kind: "normal" } } };
    case "tab":
    case "shift-tab":
      return change({ part: mode.part === "info" ? "log" : "info" });
    case "l":
      return change({ isLog: !mode.isLog });
    default:
      // The other keys do to it what they do to its row.
      return ["c", "r", "h", "+", "-", "a", "p", "?", ":"].includes(name)
        ? pressInPane(ui, name, facts)
        : { ui };
  }
}

/** By how many lines a key moves; null for other keys. */
function step(name: string, page: number): number | null {
  switch (name) {
    case "j":
    case "down":
      return 1;
    case "k":
    case "up":
      return -1;
    case "pgdn":
    case "ctrl-d":
    case "ctrl-f":
    case "space":
      return page;
    case "pgup":
    case "ctrl-u":
    case "ctrl-b":
      return -page;
    case "g":
    case "home":
      return Number.MIN_SAFE_INTEGER;
    case "G":
    case "end":
      return Number.MAX_SAFE_INTEGER;
    default:
      return null;
  }
}
