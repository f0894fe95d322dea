import { type Theme, themes } from "../text/look.ts";
import type { Pressed } from "./press.ts";
import { showView, type Ui } from "./ui.ts";

/** Words of `orch workers` that are commands of their own here. */
const workerVerbs: ReadonlySet<string> = new Set([
  "start",
  "stop",
  "switch",
  "preload",
  "pin",
  "unpin",
  "sleep",
  "wake",
]);

/** What a command line asks for: of this screen, or a command of orch. */
export function readCommand(ui: Ui, line: string): Pressed {
  const words = splitWords(line);
  if (words === null) return { ui: { ...ui, message: { text: "a quote is not closed", role: "bad" } } };
  const [verb = "", ...rest] = words[0] === "orch" ? words.slice(1) : words;
  switch (verb) {
    case "":
      return { ui };
    case "q":
    case "q!":
    case "quit":
    case "exit":
      return { ui, order: { type: "quit" } };
    case "help":
      if (rest.length === 0) return { ui: { ...ui, mode: { kind: "help", top: 0 } } };
      break;
    case "main":
    case "users":
      return { ui: showView(ui, verb) };
    case "history":
      if (rest.length === 0) return { ui: showView(ui, "history") };
      break;
    case "filter":
      return { ui: { ...ui, filter: rest.join(" ") } };
    case "theme":
      return { ui: setTheme(ui, rest[0]) };
    default:
      break;
  }
  const own = workerVerbs.has(verb) ? ["workers", verb, ...rest] : [verb, ...rest];
  return { ui, order: { type: "verb", words: own } };
}

function setTheme(ui: Ui, name: string | undefined): Ui {
  const theme: Theme | undefined = themes.find((each) => each === name);
  if (theme !== undefined) return { ...ui, theme };
  return {
    ...ui,
    message: { text: `no theme "${name ?? ""}"; there are ${themes.join(", ")}`, role: "bad" },
  };
}

/** Words as a shell splits them, with quotes and backslashes, and nothing else of a shell; null when a quote is open. */
export function splitWords(line: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? "";
    if (quote !== "") {
      if (character === quote) quote = "";
      else if (character === "\\" && quote === '"' && at + 1 < line.length) word += line[++at] ?? "";
      else word += character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (character === "\\" && at + 1 < line.length) word = (word ?? "") + line[++at];
    else if (/\s/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + character;
  }
  if (quote !== "") return null;
  return word === null ? words : [...words, word];
}
