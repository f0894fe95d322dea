import { readFileSync, statSync } from "node:fs";
import type { Context } from "../context.ts";
import { askTerminal } from "./ask-terminal.ts";
import { CELL_PIXELS, imageProtocolOf, imageSequence, isPng } from "./inline-image.ts";
import { type Pixels, pngPixels } from "./png-pixels.ts";
import { scaleDown } from "./scale-down.ts";
import { sixelSequence } from "./sixel.ts";

/** Larger ones take a terminal seconds; the path has to do. */
const MAX_BYTES = 16 * 2 ** 20;
/** xterm takes none that is larger in a direction, unless it is told to. */
const SIXEL_PIXELS = 1000;
/** More are hardly seen. One that has fewer says so, as xterm. */
const MOST_COLOURS = 256;

/**
 * Shows the pictures among the files on the terminal, each with a line break behind it. Of what the terminal cannot show,
 * and of what is no picture, is large or is gone, nothing is seen.
 */
export async function showPictures({ io, out }: Context, files: readonly string[]): Promise<void> {
  const columns = io.stdout.columns ?? 80;
  const pictures = files.flatMap((file) => pictureIn(file) ?? []);
  if (pictures.length === 0) return;
  const protocol = imageProtocolOf(io.env);
  const show: Show =
    protocol === null
      ? await sixelsOf(io, pictures, columns)
      : (picture) => imageSequence(protocol, picture, columns);
  for (const picture of pictures) {
    const sequence = show(picture);
    if (sequence !== null) out.write(`${sequence}\n`);
  }
}

type Show = (picture: Buffer) => string | null;

/** How pictures are shown on a terminal that is known for nothing else: it is asked whether it has sixels. */
async function sixelsOf(io: Context["io"], pictures: readonly Buffer[], columns: number): Promise<Show> {
  const mayAsk = io.env["TERM"] !== undefined && io.env["TERM"] !== "dumb" && pictures.some(isPng);
  const traits = mayAsk ? await askTerminal(io) : null;
  if (traits === null || !traits.hasSixel) return () => null;
  const widthPixels = Math.min(SIXEL_PIXELS, traits.widthPixels ?? columns * CELL_PIXELS);
  const colours = Math.min(MOST_COLOURS, traits.colours ?? MOST_COLOURS);
  return (picture) => {
    const pixels = pixelsOf(picture);
    return pixels === null ? null : sixelSequence(scaleDown(pixels, widthPixels, SIXEL_PIXELS), colours);
  };
}

function pixelsOf(picture: Buffer): Pixels | null {
  try {
    return isPng(picture) ? pngPixels(picture) : null;
  } catch {
    return null;
  }
}

function pictureIn(file: string): Buffer | null {
  try {
    return statSync(file).size > MAX_BYTES ? null : readFileSync(file);
  } catch {
    return null;
  }
}
