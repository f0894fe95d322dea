import { sparkline } from "../../cli/text/sparkline.ts";
import type { Look, Role } from "./look.ts";

export interface Part {
  readonly value: number;
  readonly role: Role;
  readonly glyph: string;
}

/**
 * A bar of exactly `columns` columns, split in the ratio of its parts to `total`; what is left is filled with the glyph
 * of free. A part that is not 0 takes at least one column, as long as there is one.
 */
export function drawBar(look: Look, parts: readonly Part[], total: number, columns: number): string {
  const counts = share(
    parts.map((part) => Math.max(0, part.value)),
    total,
    columns,
  );
  const used = counts.reduce((sum, count) => sum + count, 0);
  const painted = parts.map(({ role, glyph }, index) => look.paint(role, glyph.repeat(counts[index] ?? 0)));
  return painted.join("") + look.paint("dim", look.glyphs.free.repeat(Math.max(0, columns - used)));
}

/** Columns of each part, rounded where their sums end, so that no error adds up. */
function share(values: readonly number[], total: number, columns: number): number[] {
  if (total <= 0) return values.map(() => 0);
  let sum = 0;
  let before = 0;
  return values.map((value, index) => {
    sum += value;
    // Those that follow need a column each, too.
    const later = values.slice(index + 1).filter((each) => each > 0).length;
    const wanted = Math.min(columns - later, Math.round((sum / total) * columns));
    const end = Math.min(columns, Math.max(wanted, value > 0 ? before + 1 : before));
    const count = end - before;
    before = end;
    return count;
  });
}

/** The newest `columns` values of 0 to 100 as a curve, one column each; null and what is not there yet is blank. */
export function drawSpark(look: Look, values: readonly (number | null)[], columns: number): string {
  const shown = values.slice(Math.max(0, values.length - columns));
  return sparkline(shown, { glyphs: look.glyphs.sparks, top: 100, gap: " " }).padStart(columns);
}
