import type { Shown } from "../screen.ts";
import type { Mode } from "../state/ui.ts";
import type { Rectangle } from "../terminal/canvas.ts";
import { plain } from "../text/foreign-text.ts";
import { detailLines, logLines } from "../views/detail.ts";
import { bannerLine } from "../views/frame.ts";
import { windowOf } from "./page.ts";
import type { Places } from "./pane.ts";

/** The log gets at least this share of the rows. */
const LOG_SHARE = 0.4;

/** What is known of a job or worker above, and below it what it writes. */
export function drawDetail(
  { look, snap }: Shown,
  mode: Extract<Mode, { kind: "detail" }>,
  places: Places,
  { width, height }: Rectangle,
): string[] {
  const { target, isLog, part, top, above } = mode;
  const name = target.kind === "job" ? `Job ${target.id}` : `Worker ${plain(target.name)}`;
  const log = snap.detail?.log ?? [];
  const hint = part === "log" || isLog ? "l details" : "Tab to the log";
  const info = isLog ? [] : detailLines(look, snap, width);
  const most = Math.max(1, height - 2 - Math.floor(height * LOG_SHARE));
  const infoRows = isLog ? 0 : Math.min(info.length, most);
  places.above = Math.min(above, log.length);
  const logRows = Math.max(0, height - infoRows - (isLog ? 1 : 2));
  const lines = logLines(look, log, above, width, logRows);
  const isEmpty = log.length === 0 || (log.length === 1 && log[0] === "");
  const end = above > 0 ? `${above} lines below; G follows` : "follows";
  const upper = isLog
    ? []
    : [
        bannerLine(look, name, `${hint}  Esc closes`, width, part === "info"),
        ...windowOf(info, top, infoRows, places),
      ];
  const heading = isLog ? `${name}: log` : "Log";
  return [
    ...upper,
    bannerLine(look, heading, isLog ? `${end}  l details  Esc closes` : end, width, part === "log" || isLog),
    ...(isEmpty ? [look.paint("dim", "  nothing was written yet")] : lines),
  ];
}
