/** The characters of a curve, from low to high. */
export const sparks = { unicode: "▁▂▃▄▅▆▇█", ascii: "_.-~=+*#" } as const;

/** Values of 0 to `top` as a curve, a column each; `gap` where there is none. */
export function sparkline(
  values: readonly (number | null)[],
  { glyphs, top, gap }: { readonly glyphs: string; readonly top: number; readonly gap: string },
): string {
  return values
    .map((value) => {
      if (value === null) return gap;
      const level = top > 0 ? Math.floor((value / top) * glyphs.length) : 0;
      return glyphs[Math.max(0, Math.min(glyphs.length - 1, level))] ?? gap;
    })
    .join("");
}
