import type { Pixels } from "./png-pixels.ts";

/** The picture so that it has at most so many columns and rows, in its proportions: each new pixel is the mean of those it covers. */
export function scaleDown(picture: Pixels, mostWidth: number, mostHeight: number): Pixels {
  const factor = Math.min(1, mostWidth / picture.width, mostHeight / picture.height);
  if (factor === 1) return picture;
  const width = Math.max(1, Math.floor(picture.width * factor));
  const height = Math.max(1, Math.floor(picture.height * factor));
  const rgba = new Uint8Array(4 * width * height);
  for (let y = 0; y < height; y++) {
    const [top, bottom] = spanOf(y, height, picture.height);
    for (let x = 0; x < width; x++) {
      const [left, right] = spanOf(x, width, picture.width);
      rgba.set(meanOf(picture, left, right, top, bottom), 4 * (y * width + x));
    }
  }
  return { width, height, rgba };
}

/** What the new pixel at `index` of `count` covers of `from` old ones. */
function spanOf(index: number, count: number, from: number): [first: number, end: number] {
  return [Math.floor((index * from) / count), Math.floor(((index + 1) * from) / count)];
}

function meanOf({ width, rgba }: Pixels, left: number, right: number, top: number, bottom: number): number[] {
  const sums = [0, 0, 0, 0];
  for (let y = top; y < bottom; y++) {
    for (let at = 4 * (y * width + left); at < 4 * (y * width + right); at++) {
      sums[at % 4] = (sums[at % 4] ?? 0) + (rgba[at] ?? 0);
    }
  }
  return sums.map((sum) => Math.round(sum / ((bottom - top) * (right - left))));
}
