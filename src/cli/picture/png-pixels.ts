import { inflateSync } from "node:zlib";

/** A picture as it lies in memory: 4 bytes (red, green, blue, opacity) a pixel, row by row from the top left. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
}

/** Larger ones take seconds, and a terminal shows nothing of them. */
const MOST_PIXELS = 2 ** 24;

/** Bytes a pixel by PNG's type of colour, with 8 bits a sample (PNG specification 11.2.1). */
const samplesOf: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

interface Header {
  readonly width: number;
  readonly height: number;
  readonly colourType: number;
  readonly samples: number;
}

/** The pixels of a PNG file; null for kinds that programs hardly write: other than 8 bits a sample, interlaced, damaged. */
export function pngPixels(file: Buffer): Pixels | null {
  const chunks = chunksOf(file);
  const header = headerOf(chunks.get("IHDR"));
  const data = chunks.get("IDAT");
  if (header === null || data === undefined) return null;
  const { width, height, samples } = header;
  const rowBytes = width * samples;
  // No more than it has to be: a small file may hold a picture of gigabytes.
  const rows = inflateSync(data, { maxOutputLength: (rowBytes + 1) * height });
  if (rows.length !== (rowBytes + 1) * height) return null;
  const plain = unfilter(rows, rowBytes, samples);
  if (plain === null) return null;
  return { width, height, rgba: toRgba(plain, header, chunks.get("PLTE"), chunks.get("tRNS")) };
}

/** The chunks by their type; the data of those that are in several pieces as one. */
function chunksOf(file: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer[]>();
  for (let at = 8; at + 12 <= file.length; ) {
    const length = file.readUInt32BE(at);
    const type = file.toString("latin1", at + 4, at + 8);
    found.set(type, [...(found.get(type) ?? []), file.subarray(at + 8, at + 8 + length)]);
    at += 12 + length;
  }
  return new Map([...found].map(([type, parts]) => [type, Buffer.concat(parts)]));
}

function headerOf(chunk: Buffer | undefined): Header | null {
  if (chunk === undefined || chunk.length < 13) return null;
  const [width, height] = [chunk.readUInt32BE(0), chunk.readUInt32BE(4)];
  const [depth, colourType = 0, , , interlace] = chunk.subarray(8, 13);
  const samples = samplesOf[colourType];
  const isKnown = depth === 8 && interlace === 0 && samples !== undefined;
  if (!isKnown || width === 0 || height === 0 || width * height > MOST_PIXELS) return null;
  return { width, height, colourType, samples };
}

/** Undoes what each row was predicted by (PNG specification 9.2); null for a way that is unknown. */
function unfilter(rows: Uint8Array, rowBytes: number, samples: number): Uint8Array | null {
  const height = rows.length / (rowBytes + 1);
  const plain = new Uint8Array(rowBytes * height);
  for (let row = 0; row < height; row++) {
    const from = row * (rowBytes + 1);
    const way = rows[from] ?? 0;
    if (way > 4) return null;
    const to = row * rowBytes;
    for (let at = 0; at < rowBytes; at++) {
      const left = at < samples ? 0 : (plain[to + at - samples] ?? 0);
      const above = row === 0 ? 0 : (plain[to + at - rowBytes] ?? 0);
      const corner = row === 0 || at < samples ? 0 : (plain[to + at - rowBytes - samples] ?? 0);
      plain[to + at] = (rows[from + 1 + at] ?? 0) + predicted(way, left, above, corner);
    }
  }
  return plain;
}

function predicted(way: number, left: number, above: number, corner: number): number {
  if (way === 0) return 0;
  if (way === 1) return left;
  if (way === 2) return above;
  if (way === 3) return (left + above) >> 1;
  const estimate = left + above - corner;
  const [toLeft, toAbove, toCorner] = [
    Math.abs(estimate - left),
    Math.abs(estimate - above),
    Math.abs(estimate - corner),
  ];
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

function toRgba(
  plain: Uint8Array,
  { width, height, colourType, samples }: Header,
  palette: Uint8Array = new Uint8Array(),
  opacity: Uint8Array = new Uint8Array(),
): Uint8Array {
  const rgba = new Uint8Array(4 * width * height);
  for (let from = 0, to = 0; to < rgba.length; from += samples, to += 4) {
    const first = plain[from] ?? 0;
    const isPalette = colourType === 3;
    const colours = isPalette ? palette : plain;
    const start = isPalette ? 3 * first : from;
    const isGrey = colourType === 0 || colourType === 4;
    rgba[to] = colours[start] ?? 0;
    rgba[to + 1] = isGrey ? first : (colours[start + 1] ?? 0);
    rgba[to + 2] = isGrey ? first : (colours[start + 2] ?? 0);
    rgba[to + 3] = isPalette
      ? (opacity[first] ?? 255)
      : samples % 2 === 0
        ? (plain[from + samples - 1] ?? 255)
        : 255;
  }
  return rgba;
}
