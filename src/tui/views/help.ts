import { keyTable } from "../state/key-table.ts";
import type { Look } from "../text/look.ts";

/** The keys, in two columns where there is room. */
export function helpLines(look: Look, columns: number, isReadOnly: boolean): string[] {
  const { glyphs } = look;
  const groups = Object.entries(keyTable).flatMap(([title, rows]) => {
    const shown = isReadOnly ? rows.filter((row) => row.isChange !== true) : rows;
    return shown.length === 0 ? [] : [[title, shown] as const];
  });
  const legend = [
    `${look.paint("ours", glyphs.used)} used by orch's workers   ${look.paint("foreign", glyphs.foreign)} by other programs`,
    `${look.paint("reserved", glyphs.reserved)} reserved, not used yet   ${look.paint("dim", glyphs.free)} free`,
  ];
  const lines = groups.flatMap(([title, rows]) => [
    look.paint("title", title),
    ...rows.map(
      ({ keys, what }) =>
        `  ${look.paint("accent", look.fit(keys, 18))} ${look.cut(what, Math.max(10, columns - 22))}`,
    ),
    "",
  ]);
  return [...lines, look.paint("title", "The bar of VRAM"), ...legend.map((line) => `  ${line}`)];
}
