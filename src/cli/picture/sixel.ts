import { NONE, type Painted, paint } from "./palette.ts";
import type { Pixels } from "./png-pixels.ts";

/** Rows of pixels that one character stands for. */
const BAND = 6;
/** Repeating a character costs at least three. */
const RUN = 4;

/**
 * The sequence that draws a picture at the cursor as sixels (DEC STD 070, chapter 9; vt100.net/docs/vt3xx-gp/chapter14.html).
 * @param colours how many the terminal has
 */
export function sixelSequence(picture: Pixels, colours: number): string {
  const painted = paint(picture, colours);
  const { width, height } = picture;
  const defined = painted.colours.map((colour, at) => `#${at};2;${colour.map(percent).join(";")}`);
  const bands: string[] = [];
  for (let top = 0; top < height; top += BAND) bands.push(bandAt(painted, width, top));
  // The 1: what is not drawn stays as it is. Behind the q: the pixels are square, and how many there are.
  return `\x1bP0;1;0q"1;1;${width};${height}${defined.join("")}${bands.join("-")}\x1b\\`;
}

function percent(channel: number): number {
  return Math.round((channel * 100) / 255);
}

/** Six rows: for each colour in them a line of characters, over each other. */
function bandAt({ indices }: Painted, width: number, top: number): string {
  const masks = new Map<number, Uint8Array>();
  for (let row = 0; row < BAND; row++) {
    for (let x = 0; x < width; x++) {
      const colour = indices[(top + row) * width + x] ?? NONE;
      if (colour === NONE) continue;
      const mask = masks.get(colour) ?? new Uint8Array(width);
      masks.set(colour, mask);
      mask[x] = (mask[x] ?? 0) | (1 << row);
    }
  }
  return [...masks].map(([colour, mask]) => `#${colour}${runs(mask)}`).join("$");
}

/** The characters of one colour, what repeats with its count; what is empty at the end is left out. */
function runs(mask: Uint8Array): string {
  let text = "";
  const end = mask.findLastIndex((bits) => bits !== 0) + 1;
  for (let at = 0; at < end; ) {
    let next = at + 1;
    while (next < end && mask[next] === mask[at]) next += 1;
    const character = String.fromCharCode(63 + (mask[at] ?? 0));
    text += next - at < RUN ? character.repeat(next - at) : `!${next - at}${character}`;
    at = next;
  }
  return text;
}
