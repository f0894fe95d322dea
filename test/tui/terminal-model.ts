import { widthOf } from "../../src/cli/text/width.ts";

/** What a terminal shows that got these bytes: a model of the few sequences that frames are made of. */
export interface TerminalModel {
  feed(bytes: string): void;
  /** Text and style of each cell: "style|text". */
  cells(): string[][];
  /** Things that frames must not do: scrolling, wrapping, sequences unknown here. */
  readonly faults: readonly string[];
}

/** A blank terminal. */
export function createTerminalModel(columns: number, rows: number): TerminalModel {
  const blank = (): string[] => Array<string>(columns).fill("| ");
  const screen = Array.from({ length: rows }, blank);
  const faults: string[] = [];
  let x = 0;
  let y = 0;
  let style = "";
  const put = (character: string): void => {
    const width = widthOf(character);
    const row = screen[y];
    if (row === undefined || x + width > columns) return void faults.push(`"${character}" at ${x},${y}`);
    if (width === 0) row[x - 1] += character;
    else {
      row[x] = `${style}|${character}`;
      if (width === 2) row[x + 1] = `${style}|`;
    }
    x += width;
  };
  const obey = (parameters: string, final: string): void => {
    const numbers = parameters.split(";").map(Number);
    if (final === "H") [y, x] = [(numbers[0] ?? 1) - 1, (numbers[1] ?? 1) - 1];
    else if (final === "K") screen[y]?.fill("| ", x);
    else if (final === "J" && parameters === "2")
      screen.splice(0, rows, ...Array.from({ length: rows }, blank));
    else if (final === "m") style = parameters === "" ? "" : parameters.replace(/^0;/, "");
    else if (!(parameters === "?2026" && "hl".includes(final))) faults.push(`CSI ${parameters} ${final}`);
  };
  return {
    faults,
    cells: () => screen,
    feed(bytes) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: frames are made of them
      for (const [, parameters, final, character] of bytes.matchAll(/\x1b\[([\d;?]*)([A-Za-z])|([\s\S])/gu)) {
        if (character === undefined) obey(parameters ?? "", final ?? "");
        else put(character);
      }
    },
  };
}
