import { describe, expect, it } from "vitest";
import { traitsIn } from "../../../src/cli/picture/ask-terminal.ts";
import { type Pixels, pngPixels } from "../../../src/cli/picture/png-pixels.ts";
import { scaleDown } from "../../../src/cli/picture/scale-down.ts";
import { sixelSequence } from "../../../src/cli/picture/sixel.ts";
import { encodePng, type Pixel } from "./png.ts";

const flag = (x: number, y: number): Pixel => [x < 5 ? 255 : 10, y < 4 ? 130 : 0, 64, y === 6 ? 0 : 255];
const grey = (x: number, y: number): Pixel => [20 * x + y, 20 * x + y, 20 * x + y, 255];

function pixelsOf(width: number, height: number, at: (x: number, y: number) => Pixel): Pixels {
  const rgba = Array.from({ length: width * height }, (_, index) =>
    at(index % width, Math.floor(index / width)),
  );
  return { width, height, rgba: Uint8Array.from(rgba.flat()) };
}

const opaque =
  (at: typeof flag) =>
  (x: number, y: number): Pixel => {
    const [red, green, blue] = at(x, y);
    return [red, green, blue, 255];
  };

describe("a PNG is decoded", () => {
  it.each([
    ["grey", 0, grey],
    ["colours", 2, opaque(flag)],
    ["a palette with opacity", 3, flag],
    ["grey with opacity", 4, grey],
    ["colours with opacity", 6, flag],
  ])("of %s, however its rows are predicted", (_name, colourType, at) => {
    for (const filter of [0, 1, 2, 3, 4, "all"] as const) {
      const file = encodePng({ width: 9, height: 11, colourType, filter }, at);
      expect(pngPixels(file)).toEqual(pixelsOf(9, 11, at));
    }
  });

  it.each([
    ["16 bits a sample", { depth: 16 }],
    ["interlaced rows", { interlace: 1 }],
    ["an unknown type of colour", { colourType: 5 }],
    ["no columns", { width: 0 }],
    ["more pixels than any terminal shows", { width: 60_000, height: 60_000 }],
  ])("but not with %s", (_name, change) => {
    const file = encodePng({ width: 2, height: 2, colourType: 2 }, flag);
    const {
      width = 2,
      height = 2,
      depth = 8,
      interlace = 0,
      colourType = 2,
    } = change as Record<string, number>;
    file.writeUInt32BE(width, 16);
    file.writeUInt32BE(height, 20);
    file.set([depth, colourType, 0, 0, interlace], 24);
    expect(pngPixels(file)).toBeNull();
  });

  it("and nothing that is cut off, or larger than it says", () => {
    const file = encodePng({ width: 40, height: 40, colourType: 2 }, grey);
    expect(() => pngPixels(file.subarray(0, file.length - 30))).toThrow();
    file.writeUInt32BE(39, 20);
    expect(() => pngPixels(file)).toThrow();
    expect(pngPixels(Buffer.from("\x89PNG\r\n\x1a\n", "latin1"))).toBeNull();
  });
});

describe("sixels", () => {
  it("show a picture of few colours as it is, and nothing where it is transparent", () => {
    const picture = pixelsOf(9, 11, flag);
    const shown = decodeSixel(sixelSequence(picture, 16));
    expect([shown.width, shown.height]).toEqual([9, 11]);
    // A sixel's colours are whole percents: 1.3 of 255 at most.
    expect(worstDistance(shown, picture)).toBeLessThanOrEqual(2);
    expect(shown.rgba.filter((_, at) => at % 4 === 3)).toEqual(picture.rgba.filter((_, at) => at % 4 === 3));
  });

  it("come near to one of very many colours, in no more than the terminal has", () => {
    const picture = pixelsOf(128, 100, (x, y) => [2 * x, 2 * y, 255 - x - y, 255]);
    for (const [colours, near] of [
      [256, 8],
      [16, 28],
    ] as const) {
      const sequence = sixelSequence(picture, colours);
      expect(new Set(sequence.match(/#\d+;2;/g)).size).toBeLessThanOrEqual(colours);
      expect(meanDistance(decodeSixel(sequence), picture)).toBeLessThan(near);
    }
  });

  it("of a large picture are made in a moment", () => {
    const picture = pixelsOf(1000, 1000, (x, y) => [(x * y) & 255, (x ^ y) & 255, (x + y) & 255, 255]);
    const startMs = performance.now();
    expect(sixelSequence(picture, 256).length).toBeGreaterThan(1000);
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  it("are of a picture that was made to fit, of which no part is left out", () => {
    const picture = pixelsOf(300, 30, (x) => [x < 150 ? 200 : 100, 0, 0, 255]);
    const small = scaleDown(picture, 100, 1000);
    expect([small.width, small.height]).toEqual([100, 10]);
    expect([...small.rgba.subarray(4 * 49, 4 * 51)]).toEqual([200, 0, 0, 255, 100, 0, 0, 255]);
    expect(scaleDown(picture, 1000, 3)).toMatchObject({ width: 30, height: 3 });
    expect(scaleDown(picture, 300, 30)).toBe(picture);
    expect([...scaleDown(picture, 1, 1).rgba]).toEqual([150, 0, 0, 255]);
  });
});

describe("a terminal says", () => {
  it.each([
    ["\x1b[?1;0;16S\x1b[4;400;640t\x1b[?63;1;2;4;6;9;15;16;22c", true, 640, 16],
    ["\x1b[?62;4;22c", true, null, null],
    ["\x1b[?1;2c", false, null, null],
    ["\x1b[?4;6c", false, null, null],
    ["typed\x1b[?1;3;0S\x1b[4;0;0t\x1b[?6c", false, null, null],
  ])("%j", (heard, hasSixel, widthPixels, colours) =>
    expect(traitsIn(heard)).toEqual({ hasSixel, widthPixels, colours }),
  );

  it("nothing before its last answer is whole", () => {
    expect(traitsIn("\x1b[?1;0;16S\x1b[4;400;640t\x1b[?63;1")).toBeNull();
  });
});

/** Draws sixels as a terminal does (DEC STD 070). */
function decodeSixel(sequence: string): Pixels {
  const [, columns, rows, body = ""] =
    /^P0;1;0q"1;1;(\d+);(\d+)(#[\s\S]*)$/.exec(sequence.slice(1, -2)) ?? [];
  expect([sequence[0], sequence.slice(-2)]).toEqual(["\x1b", "\x1b\\"]);
  const [width, height] = [Number(columns), Number(rows)];
  const rgba = new Uint8Array(4 * width * height);
  const colours = new Map<number, readonly number[]>();
  let [x, top, colour] = [0, 0, 0];
  for (const [token] of body.matchAll(/#\d+(;\d+)*|!\d+.|[\s\S]/g)) {
    if (token.startsWith("#")) {
      const [number = 0, kind, ...rgb] = token.slice(1).split(";").map(Number);
      if (kind === 2)
        colours.set(
          number,
          rgb.map((percent) => Math.round(percent * 2.55)),
        );
      else colour = number;
    } else if (token === "$") x = 0;
    else if (token === "-") [x, top] = [0, top + 6];
    else {
      const bits = (token.at(-1)?.charCodeAt(0) ?? 63) - 63;
      for (
        let times = token.startsWith("!") ? Number.parseInt(token.slice(1), 10) : 1;
        times > 0;
        times--, x++
      ) {
        for (let row = 0; row < 6; row++) {
          if ((bits >> row) % 2 === 0) continue;
          if (x >= width || top + row >= height) throw new Error(`drawn outside, at ${x}, ${top + row}`);
          rgba.set([...(colours.get(colour) ?? []), 255], 4 * ((top + row) * width + x));
        }
      }
    }
  }
  return { width, height, rgba };
}

/** How far the channels of opaque pixels are apart. */
function distances(left: Pixels, right: Pixels): number[] {
  return [...left.rgba].flatMap((value, at) =>
    at % 4 !== 3 && right.rgba[at - (at % 4) + 3] === 255 ? [Math.abs(value - (right.rgba[at] ?? 0))] : [],
  );
}

function worstDistance(left: Pixels, right: Pixels): number {
  return Math.max(...distances(left, right));
}

function meanDistance(left: Pixels, right: Pixels): number {
  const all = distances(left, right);
  return all.reduce((sum, each) => sum + each, 0) / all.length;
}
