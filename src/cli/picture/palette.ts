import type { Pixels } from "./png-pixels.ts";

/** The few colours that a picture is shown in, and which of them each of its pixels has. */
export interface Painted {
  /** Red, green and blue from 0 to 255. */
  readonly colours: readonly (readonly [number, number, number])[];
  /** The colour of each pixel by its number; NONE = transparent. */
  readonly indices: Int16Array;
}

export const NONE = -1;
/** From half of it on a pixel counts as opaque. */
const OPAQUE = 128;

/** Pixels of one shade (5 bits a channel): how many, and the sums of their channels. */
interface Shade {
  readonly key: number;
  count: number;
  readonly sums: [number, number, number];
}

/** The picture in at most `most` colours, by median cut (Heckbert 1982): the widest box of shades is halved again and again. */
export function paint({ rgba }: Pixels, most: number): Painted {
  const shades = shadesOf(rgba);
  const boxes = shades.length === 0 ? [] : [boxOf(shades)];
  while (boxes.length < most) {
    const widest = boxes.reduce((best, box, at) => (box.width > (boxes[best]?.width ?? 0) ? at : best), 0);
    const halves = halve(boxes[widest]);
    if (halves === null) break;
    boxes.splice(widest, 1, ...halves);
  }
  const colourOf = new Map(boxes.flatMap((box, at) => box.shades.map(({ key }) => [key, at] as const)));
  const indices = new Int16Array(rgba.length / 4);
  for (let at = 0; at < indices.length; at++) {
    indices[at] = (rgba[4 * at + 3] ?? 0) < OPAQUE ? NONE : (colourOf.get(keyAt(rgba, 4 * at)) ?? NONE);
  }
  return { colours: boxes.map(meanOf), indices };
}

/** Shades that become one colour. */
interface Box {
  readonly shades: readonly Shade[];
  /** The channel in which they lie farthest apart, and how far that is. */
  readonly channel: 0 | 1 | 2;
  readonly width: number;
}

function keyAt(rgba: Uint8Array, at: number): number {
  return (((rgba[at] ?? 0) >> 3) << 10) | (((rgba[at + 1] ?? 0) >> 3) << 5) | ((rgba[at + 2] ?? 0) >> 3);
}

function shadesOf(rgba: Uint8Array): Shade[] {
  const found = new Map<number, Shade>();
  for (let at = 0; at < rgba.length; at += 4) {
    if ((rgba[at + 3] ?? 0) < OPAQUE) continue;
    const key = keyAt(rgba, at);
    const shade = found.get(key) ?? { key, count: 0, sums: [0, 0, 0] };
    found.set(key, shade);
    shade.count += 1;
    for (const channel of [0, 1, 2] as const) shade.sums[channel] += rgba[at + channel] ?? 0;
  }
  return [...found.values()];
}

function channelOf({ key }: Shade, channel: number): number {
  return (key >> (10 - 5 * channel)) & 31;
}

function boxOf(shades: readonly Shade[]): Box {
  const extent = (channel: 0 | 1 | 2): Box => {
    let [least, most] = [31, 0];
    for (const shade of shades) {
      least = Math.min(least, channelOf(shade, channel));
      most = Math.max(most, channelOf(shade, channel));
    }
    return { shades, channel, width: most - least };
  };
  return [extent(0), extent(1), extent(2)].reduce((best, each) => (each.width > best.width ? each : best));
}

/** The box in two with about as many pixels each, along its widest channel; null for a single shade. */
function halve(box: Box | undefined): [Box, Box] | null {
  if (box === undefined || box.width === 0) return null;
  const { shades, channel } = box;
  const sorted = shades.toSorted((left, right) => channelOf(left, channel) - channelOf(right, channel));
  const half = sorted.reduce((sum, { count }) => sum + count, 0) / 2;
  let [cut, seen] = [0, 0];
  while (cut < sorted.length - 1 && (cut === 0 || seen < half)) seen += sorted[cut++]?.count ?? 0;
  return [boxOf(sorted.slice(0, cut)), boxOf(sorted.slice(cut))];
}

function meanOf({ shades }: Box): readonly [number, number, number] {
  const count = shades.reduce((sum, shade) => sum + shade.count, 0);
  const mean = (channel: 0 | 1 | 2): number =>
    Math.round(shades.reduce((sum, { sums }) => sum + sums[channel], 0) / count);
  return [mean(0), mean(1), mean(2)];
}
