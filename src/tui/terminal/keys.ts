import { StringDecoder } from "node:string_decoder";

/** What came from the keyboard or mouse. A key that types something is that character, others have names. */
export type Input =
  | { readonly type: "key"; readonly name: string }
  | { readonly type: "paste"; readonly text: string }
  | {
      readonly type: "mouse";
      readonly what: "press" | "wheel-up" | "wheel-down";
      readonly x: number;
      readonly y: number;
    };

export interface KeyReader {
  /** What these bytes say; the beginning of a sequence is kept for the next ones. */
  feed(bytes: Buffer): Input[];
  /** What is kept cannot become more: a lone Escape is the key. */
  release(): Input[];
  readonly isWaiting: boolean;
}

const finals: Readonly<Record<string, string>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  H: "home",
  F: "end",
  Z: "shift-tab",
};

const numbered: Readonly<Record<string, string>> = {
  1: "home",
  3: "delete",
  4: "end",
  5: "pgup",
  6: "pgdn",
  7: "home",
  8: "end",
};

const singles: Readonly<Record<string, string>> = {
  "\r": "enter",
  "\n": "enter",
  "\t": "tab",
  "\x7f": "backspace",
  "\b": "backspace",
  " ": "space",
};

const ESC = "\x1b";
const PASTE_END = `${ESC}[201~`;
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals send these
const MOUSE = /^\x1b\[<(\d+);(\d+);(\d+)([Mm])/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals send these
const CSI = /^\x1b\[([0-?]*)[ -/]*([@-~])/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals send these
const SS3 = /^\x1bO([A-Za-z])/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminals send these
const UNFINISHED = /^\x1b(\[[0-?]*[ -/]*|O)?$/;

/** Reads what terminals send: UTF-8, CSI and SS3 keys, SGR mouse reports (mode 1006), bracketed pastes (mode 2004). */
export function createKeyReader(): KeyReader {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  const read = (isFinal: boolean): Input[] => {
    const inputs: Input[] = [];
    while (rest !== "") {
      const taken = takeInput(rest, isFinal);
      if (taken === null) break;
      rest = rest.slice(taken.length);
      if (taken.input !== null) inputs.push(taken.input);
    }
    return inputs;
  };
  return {
    feed(bytes) {
      rest += decoder.write(bytes);
      return read(false);
    },
    release: () => read(true),
    get isWaiting() {
      return rest !== "" && !rest.startsWith(`${ESC}[200~`);
    },
  };
}

interface Taken {
  readonly length: number;
  /** Null: nothing that means anything here. */
  readonly input: Input | null;
}

/** Null when more has to come first. */
function takeInput(text: string, isFinal: boolean): Taken | null {
  if (!text.startsWith(ESC)) return takeCharacter(text);
  if (text.startsWith(`${ESC}[200~`)) return takePaste(text);
  const mouse = MOUSE.exec(text);
  if (mouse !== null) return { length: mouse[0].length, input: mouseOf(mouse) };
  const csi = CSI.exec(text);
  if (csi !== null) return { length: csi[0].length, input: csiKey(csi[1] ?? "", csi[2] ?? "") };
  const ss3 = SS3.exec(text);
  if (ss3 !== null) return { length: ss3[0].length, input: named(finals[ss3[1] ?? ""]) };
  if (UNFINISHED.test(text) && !isFinal) return null;
  // No key here goes with Alt: Escape and what was typed right after it came together.
  return { length: 1, input: key("esc") };
}

function takeCharacter(text: string): Taken {
  const [character = ""] = text;
  const code = character.codePointAt(0) ?? 0;
  const single = singles[character];
  if (single !== undefined) return { length: 1, input: key(single) };
  if (code >= 1 && code <= 26) return { length: 1, input: key(`ctrl-${String.fromCharCode(code + 96)}`) };
  return { length: character.length, input: code < 32 ? null : key(character) };
}

function takePaste(text: string): Taken | null {
  const end = text.indexOf(PASTE_END);
  if (end < 0) return null;
  const begin = `${ESC}[200~`.length;
  return { length: end + PASTE_END.length, input: { type: "paste", text: text.slice(begin, end) } };
}

function csiKey(parameters: string, final: string): Input | null {
  if (final === "~") return named(numbered[parameters.split(";")[0] ?? ""]);
  return named(finals[final]);
}

function mouseOf([, button, x, y, how]: RegExpExecArray): Input | null {
  const what = { 0: "press", 64: "wheel-up", 65: "wheel-down" } as const;
  const meant = what[Number(button) as 0 | 64 | 65];
  if (meant === undefined || how === "m") return null;
  return { type: "mouse", what: meant, x: Number(x) - 1, y: Number(y) - 1 };
}

function named(name: string | undefined): Input | null {
  return name === undefined ? null : key(name);
}

function key(name: string): Input {
  return { type: "key", name };
}
