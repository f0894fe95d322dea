import { sparks } from "../../cli/text/sparkline.ts";
import { widthOf } from "../../cli/text/width.ts";

export const themes = ["dark", "light", "mono"] as const;
export type Theme = (typeof themes)[number];

/** What a piece of text is, from which its colour follows. */
export type Role =
  | "plain"
  | "dim"
  | "bold"
  | "title"
  | "accent"
  | "good"
  | "warn"
  | "bad"
  | "ours"
  | "reserved"
  | "foreign"
  | "bar"
  | "active";

export interface Glyphs {
  readonly rule: string;
  readonly ellipsis: string;
  readonly used: string;
  readonly reserved: string;
  readonly foreign: string;
  readonly free: string;
  readonly sparks: string;
  readonly live: string;
  readonly lost: string;
  readonly mark: string;
  readonly down: string;
  readonly up: string;
  readonly degree: string;
  readonly arrow: string;
  readonly dot: string;
}

/** How text is shown: colours as SGR parameters (ECMA-48), characters for bars. A painted text ends with a reset. */
export interface Look {
  readonly theme: Theme;
  readonly glyphs: Glyphs;
  paint(role: Role, text: string): string;
  /** A whole line as the selected one. */
  select(line: string): string;
  /** A whole line as one that is no longer true. */
  grey(line: string): string;
  /** Text cut to so many columns. */
  cut(text: string, columns: number): string;
  /** Text cut and filled up to exactly so many columns. */
  fit(text: string, columns: number, align?: "left" | "right"): string;
}

const unicode: Glyphs = {
  rule: "─",
  ellipsis: "…",
  used: "█",
  reserved: "▒",
  foreign: "▓",
  free: "░",
  sparks: sparks.unicode,
  live: "●",
  lost: "○",
  mark: "✓",
  down: "▼",
  up: "▲",
  degree: "°",
  arrow: "→",
  dot: "·",
};

const ascii: Glyphs = {
  rule: "-",
  ellipsis: "~",
  used: "#",
  reserved: "=",
  foreign: "x",
  free: ".",
  sparks: sparks.ascii,
  live: "*",
  lost: "o",
  mark: "+",
  down: "v",
  up: "^",
  degree: "C",
  arrow: ">",
  dot: ".",
};

type Palette = Readonly<Record<Role, string>>;

const dark: Palette = {
  plain: "",
  dim: "38;5;245",
  bold: "1",
  title: "1;38;5;252",
  accent: "38;5;81",
  good: "38;5;114",
  warn: "38;5;221",
  bad: "1;38;5;203",
  ours: "38;5;75",
  reserved: "38;5;67",
  foreign: "38;5;176",
  bar: "48;5;236;38;5;252",
  active: "1;48;5;31;38;5;231",
};

const light: Palette = {
  plain: "",
  dim: "38;5;243",
  bold: "1",
  title: "1;38;5;236",
  accent: "38;5;25",
  good: "38;5;28",
  warn: "38;5;130",
  bad: "1;38;5;160",
  ours: "38;5;26",
  reserved: "38;5;110",
  foreign: "38;5;127",
  bar: "48;5;254;38;5;236",
  active: "1;48;5;25;38;5;231",
};

/** For terminals that know eight colours. */
const plainDark: Palette = {
  plain: "",
  dim: "2",
  bold: "1",
  title: "1",
  accent: "36",
  good: "32",
  warn: "33",
  bad: "1;31",
  ours: "34",
  reserved: "36",
  foreign: "35",
  bar: "7",
  active: "1;7",
};

const mono: Palette = {
  ...(Object.fromEntries(Object.keys(dark).map((role) => [role, ""])) as Record<Role, string>),
  dim: "2",
  bold: "1",
  title: "1",
  bad: "1",
  active: "7",
};

export interface LookOptions {
  readonly theme: Theme;
  /** Only characters that every terminal has. */
  readonly ascii: boolean;
  /** Colours that the terminal knows: 256, 8, or none at all. */
  readonly colours: 256 | 8 | 0;
}

/** Makes the look of a screen. Without colours the theme is mono, whatever was asked for. */
export function createLook({ theme, ascii: isAscii, colours }: LookOptions): Look {
  const isMono = theme === "mono" || colours === 0;
  const palette = isMono ? mono : colours === 8 ? plainDark : theme === "light" ? light : dark;
  const selection = isMono || colours === 8 ? "7" : theme === "light" ? "48;5;253" : "48;5;238";
  const glyphs = isAscii ? ascii : unicode;
  const cut = (text: string, columns: number): string => cutTo(text, columns, glyphs.ellipsis, isAscii);
  return {
    theme: isMono ? "mono" : theme,
    glyphs,
    cut,
    paint(role, text) {
      const code = palette[role];
      return code === "" || text === "" ? text : `\x1b[${code}m${text}\x1b[m`;
    },
    select: (line) => `\x1b[${selection}m${withBase(line, selection)}\x1b[m`,
    grey: (line) => `\x1b[${palette.dim}m${unpainted(line)}\x1b[m`,
    fit(text, columns, align = "left") {
      const kept = cut(text, columns);
      const fill = " ".repeat(Math.max(0, columns - widthOf(kept)));
      return align === "left" ? kept + fill : fill + kept;
    },
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are our own sequences
const SGR = /\x1b\[([\d;]*)m/g;

/** The text of a painted line. */
export function unpainted(line: string): string {
  return line.replace(SGR, "");
}

/** Columns that a painted line takes. */
export function paintedWidth(line: string): number {
  return widthOf(unpainted(line));
}

/** Every style of the line on top of a base style. */
function withBase(line: string, base: string): string {
  return line.replace(SGR, (_, code: string) =>
    code === "" ? `\x1b[0;${base}m` : `\x1b[0;${code};${base}m`,
  );
}

function cutTo(text: string, columns: number, ellipsis: string, isAscii: boolean): string {
  const shown = isAscii ? text.replace(/[^\x20-\x7e]/gu, "?") : text;
  if (columns < 1) return "";
  if (widthOf(shown) <= columns) return shown;
  let kept = "";
  let used = 0;
  for (const character of shown) {
    const width = widthOf(character);
    if (used + width > columns - 1) break;
    kept += character;
    used += width;
  }
  return kept + ellipsis;
}
