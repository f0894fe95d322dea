import type { Shown } from "../screen.ts";
import type { Mode } from "../state/ui.ts";
import type { Rectangle } from "../terminal/canvas.ts";
import { plainLogLine } from "../text/foreign-text.ts";
import { bannerLine } from "../views/frame.ts";
import { helpLines } from "../views/help.ts";
import type { Places } from "./pane.ts";

/** The page of keys. */
export function drawHelp(
  { look, isReadOnly }: Shown,
  top: number,
  places: Places,
  { width, height }: Rectangle,
): string[] {
  const lines = helpLines(look, width, isReadOnly);
  return [bannerLine(look, "Keys", "Esc closes", width), ...windowOf(lines, top, height - 1, places)];
}

/** What a command line printed. */
export function drawOutput(
  { look }: Shown,
  { title, lines, top }: Extract<Mode, { kind: "output" }>,
  places: Places,
  { width, height }: Rectangle,
): string[] {
  const cut = lines.map((line) => look.cut(plainLogLine(line), width));
  return [bannerLine(look, title, "Esc closes", width), ...windowOf(cut, top, height - 1, places)];
}

/** The lines from `top` on that fit, never beyond the end; notes in `places` where they really begin. */
export function windowOf(
  lines: readonly string[],
  top: number,
  height: number,
  places: Places,
): readonly string[] {
  const from = Math.max(0, Math.min(top, lines.length - height));
  places.top = from;
  return lines.slice(from, from + height);
}
