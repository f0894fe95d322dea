import { deflateSync } from "node:zlib";

/** A pixel: red, green, blue, opacity. */
export type Pixel = readonly [number, number, number, number];

export interface PngOptions {
  readonly width: number;
  readonly height: number;
  /** PNG's type of colour: 0 grey, 2 colours, 3 palette, 4 grey with opacity, 6 colours with opacity. */
  readonly colourType: number;
  /** How rows are predicted: 0 to 4; "all" = each row in another way. */
  readonly filter?: number | "all";
  readonly depth?: number;
  readonly interlace?: number;
}

/** A PNG file, written as the specification says. */
export function encodePng(
  { width, height, colourType, filter = 0, depth = 8, interlace = 0 }: PngOptions,
  at: (x: number, y: number) => Pixel,
): Buffer {
  const palette: Pixel[] = [];
  const samples = (x: number, y: number): readonly number[] => {
    const [red, green, blue, opacity] = at(x, y);
    if (colourType === 3) {
      const known = palette.findIndex((each) => each.join() === [red, green, blue, opacity].join());
      return [known >= 0 ? known : palette.push([red, green, blue, opacity]) - 1];
    }
    return (
      { 0: [red], 2: [red, green, blue], 4: [red, opacity], 6: [red, green, blue, opacity] }[colourType] ?? []
    );
  };
  const plain = Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => samples(x, y)).flat(),
  );
  const size = samples(0, 0).length;
  const rows = plain.map((row, y) => {
    const way = filter === "all" ? y % 5 : filter;
    return [way, ...row.map((value, at) => (value - predict(way, plain, y, at, size)) & 255)];
  });
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([depth, colourType, 0, 0, interlace], 8);
  const data = deflateSync(Buffer.from(rows.flat()));
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", head),
    ...(colourType === 3
      ? [
          chunk("PLTE", Buffer.from(palette.flatMap((pixel) => pixel.slice(0, 3)))),
          chunk("tRNS", Buffer.from(palette.map(([, , , opacity]) => opacity))),
        ]
      : []),
    // In pieces, as large pictures have it.
    chunk("IDAT", data.subarray(0, 5)),
    chunk("IDAT", data.subarray(5)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function predict(
  way: number,
  plain: readonly (readonly number[])[],
  y: number,
  at: number,
  size: number,
): number {
  const left = plain[y]?.[at - size] ?? 0;
  const above = plain[y - 1]?.[at] ?? 0;
  const corner = plain[y - 1]?.[at - size] ?? 0;
  if (way === 4) {
    const estimate = left + above - corner;
    const near = [left, above, corner].map((value) => Math.abs(estimate - value));
    return [left, above, corner][near.indexOf(Math.min(...near))] ?? 0;
  }
  return [0, left, above, (left + above) >> 1][way] ?? 0;
}

/** Nobody who shows a picture looks at the checksum; it is zero here. */
function chunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([length, Buffer.from(type, "latin1"), data, Buffer.alloc(4)]);
}
