/** Private modes (DEC, xterm) that outlive what a program writes, and what they are until somebody sets them. */
const TRACKED: ReadonlyMap<number, boolean> = new Map([
  [1, false], // application cursor keys
  [25, true], // the cursor is visible
  [47, false], // the alternate screen, in its three ways
  [1047, false],
  [1049, false],
  [1000, false], // the mouse
  [1002, false],
  [1003, false],
  [1004, false],
  [1005, false],
  [1006, false],
  [1015, false],
  [2004, false], // bracketed paste
]);
const ALTERNATE = [47, 1047, 1049];
/** An escape sequence longer than this is none. */
const CARRY_MAX = 64;
const ESC = "\u001b";
const SET_OR_RESET = new RegExp(`${ESC}\\[\\?([\\d;]{1,48})([hl])`, "g");
/** A sequence that the end of a chunk may have cut: ESC, ESC [, ESC [ ? 1 0. */
const CUT = new RegExp(`${ESC}(?:\\[(?:\\?[\\d;]*)?)?$`);
const FULL_RESET = `${ESC}c`;

/** Follows which modes a program has set in a terminal, by what it writes. */
export interface TerminalModes {
  /** Reads on; chunks may be cut anywhere. */
  feed(chunk: Buffer): void;
  /** True while a full-screen program has the alternate screen. */
  isAlternate(): boolean;
  /** What brings a fresh terminal into these modes. */
  restoring(): string;
  /** What brings a terminal in these modes back to how it was before. */
  undoing(): string;
  copy(): TerminalModes;
}

/** A terminal in its usual modes. */
export function createTerminalModes(known?: ReadonlyMap<number, boolean>): TerminalModes {
  const modes = new Map(known ?? []);
  let carry = "";
  const changed = (): [number, boolean][] => [...modes].filter(([mode, on]) => on !== TRACKED.get(mode));
  const note = (text: string): void => {
    const from = text.lastIndexOf(FULL_RESET);
    if (from >= 0) modes.clear();
    for (const [, numbers = "", letter] of text.slice(Math.max(0, from)).matchAll(SET_OR_RESET)) {
      for (const mode of numbers.split(";").map(Number))
        if (TRACKED.has(mode)) modes.set(mode, letter === "h");
    }
  };
  return {
    feed(chunk) {
      // Nearly all output has no escape sequence, and a flood of it should cost no more than a look.
      if (carry === "" && !chunk.includes(0x1b)) return;
      const text = carry + chunk.toString("latin1");
      carry = CUT.exec(text.slice(-CARRY_MAX))?.[0] ?? "";
      note(text);
    },
    isAlternate: () => ALTERNATE.some((mode) => modes.get(mode) === true),
    restoring: () =>
      changed()
        .map(([mode, on]) => `${ESC}[?${mode}${on ? "h" : "l"}`)
        .join(""),
    undoing: () =>
      changed()
        .map(([mode, on]) => `${ESC}[?${mode}${on ? "l" : "h"}`)
        .join(""),
    copy: () => {
      const twin = createTerminalModes(modes);
      if (carry !== "") twin.feed(Buffer.from(carry, "latin1"));
      return twin;
    },
  };
}
