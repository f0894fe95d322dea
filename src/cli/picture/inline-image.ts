import type { Environment } from "../../config/paths.ts";

/** How a terminal is sent pictures. */
export type ImageProtocol = "kitty" | "iterm2";

/** The kitty protocol wants pieces of at most 4096 bytes of base64. */
const PIECE = 4096;
/** A cell of a terminal is about so wide; what would be wider than the screen is scaled down. */
export const CELL_PIXELS = 10;

/**
 * How the terminal with this environment shows pictures; null = it does not, as far as it says. Multiplexers pass none on.
 * The kitty protocol: sw.kovidgoyal.net/kitty/graphics-protocol; iTerm2's: iterm2.com/documentation-images.html.
 */
export function imageProtocolOf(env: Environment): ImageProtocol | null {
  const term = env["TERM"] ?? "";
  if (env["TMUX"] || env["STY"] || /^(screen|tmux|dumb)/.test(term)) return null;
  const program = env["TERM_PROGRAM"] ?? "";
  if (/^xterm-(kitty|ghostty)$/.test(term) || env["KITTY_WINDOW_ID"] || program === "ghostty") return "kitty";
  if (program === "iTerm.app" || program === "WezTerm" || env["LC_TERMINAL"] === "iTerm2") return "iterm2";
  return null;
}

/** The sequence that shows a picture at the cursor; null for what is none to the terminal: the kitty protocol takes PNG alone. */
export function imageSequence(protocol: ImageProtocol, picture: Buffer, columns: number): string | null {
  if (protocol === "kitty") return isPng(picture) ? kitty(picture, columns) : null;
  return isPng(picture) || isJpeg(picture) ? iterm2(picture) : null;
}

/** Whether a file is a PNG, by its first bytes. */
export function isPng(file: Buffer): boolean {
  return file.subarray(0, 8).toString("latin1") === "\x89PNG\r\n\x1a\n";
}

function isJpeg(file: Buffer): boolean {
  return file.subarray(0, 3).toString("latin1") === "\xff\xd8\xff";
}

function iterm2(bytes: Buffer): string {
  const data = bytes.toString("base64");
  return `\x1b]1337;File=inline=1;size=${bytes.length};preserveAspectRatio=1:${data}\x07`;
}

function kitty(bytes: Buffer, columns: number): string {
  // The width is the first number of the first chunk, IHDR.
  const isWide = bytes.length >= 20 && bytes.readUInt32BE(16) > columns * CELL_PIXELS;
  const data = bytes.toString("base64");
  let sequence = "";
  for (let at = 0; at < data.length; at += PIECE) {
    const first = at === 0 ? `a=T,f=100,q=2,${isWide ? `c=${columns},` : ""}` : "";
    const more = at + PIECE < data.length ? 1 : 0;
    sequence += `\x1b_G${first}m=${more};${data.slice(at, at + PIECE)}\x1b\\`;
  }
  return sequence;
}
