import type { Snapshot } from "../feed/snapshot.ts";
import type { Ui } from "../state/ui.ts";
import { readFilter } from "../state/ui.ts";
import { plain } from "../text/foreign-text.ts";
import { type Look, paintedWidth, type Role } from "../text/look.ts";
import { clockTime, grouped, shortBytes, shortSpan } from "../text/span.ts";

export interface FrameContext {
  readonly look: Look;
  readonly snap: Snapshot;
  readonly ui: Ui;
  readonly host: string;
  readonly isReadOnly: boolean;
}

/** The top line: whether the daemon is there, and how much there is of everything. */
export function headLine({ look, snap, host, isReadOnly }: FrameContext, columns: number): string {
  const { status, link, nowMs } = snap;
  const { glyphs } = look;
  const isLive = link.state === "live";
  const left = [
    look.paint("title", " orch top"),
    look.paint("dim", host),
    isLive
      ? look.paint("good", `${glyphs.live} live`)
      : look.paint("bad", `${glyphs.lost} ${link.state === "lost" ? "daemon lost" : "connecting"}`),
    isReadOnly ? look.paint("warn", "read-only") : "",
  ];
  const counts = status === null ? [] : countTexts(look, snap);
  const right = look.paint("dim", clockTime(nowMs));
  let line = left.filter(Boolean).join("  ");
  for (const text of counts) {
    if (paintedWidth(line) + paintedWidth(text) + 2 + 10 > columns) break;
    line += `  ${text}`;
  }
  const gap = columns - paintedWidth(line) - paintedWidth(right) - 1;
  return gap > 0 ? `${line}${" ".repeat(gap)}${right} ` : line;
}

function countTexts(look: Look, { status }: Snapshot): string[] {
  if (status === null) return [];
  const { jobs, gpus, workers } = status;
  const count = (value: number, name: string, role: Role): string =>
    `${look.paint(value === 0 ? "dim" : role, grouped(value))} ${look.paint("dim", name)}`;
  const total = gpus.reduce((sum, gpu) => sum + gpu.memory.totalBytes, 0);
  const free = gpus.reduce((sum, gpu) => sum + gpu.memory.freeBytes, 0);
  return [
    count((jobs.running ?? 0) + (jobs.starting ?? 0), "running", "good"),
    count(jobs.queued ?? 0, "queued", "warn"),
    count(jobs.held ?? 0, "held", "plain"),
    count(jobs.failed ?? 0, "failed", "bad"),
    count(gpus.length, gpus.length === 1 ? "GPU" : "GPUs", "plain"),
    count(workers.length, "workers", "plain"),
    `${look.paint("plain", `${shortBytes(free)}/${shortBytes(total)}`)} ${look.paint("dim", "VRAM free")}`,
    `${look.paint("dim", "up")} ${look.paint("plain", shortSpan(status.uptimeMs))}`,
  ];
}

/** The line above a pane: its name, where the cursor is, and the columns it is sorted by. */
export function titleLine(
  look: Look,
  pane: { readonly title: string; readonly total: number },
  at: {
    readonly isFocused: boolean;
    /** Of all, the first row that is shown; null = nobody knows. */
    readonly first: number | null;
    readonly shown: number;
    readonly number: number;
  },
  columns: number,
): string {
  const { isFocused, first, shown, number } = at;
  const isPart = first !== null && shown > 0 && shown < pane.total;
  const range = isPart ? `${grouped(first + 1)}-${grouped(first + shown)} of ` : "";
  const name = look.paint(isFocused ? "active" : "title", ` ${number} ${pane.title} `);
  const count = look.paint("dim", ` ${range}${grouped(pane.total)} `);
  const rule = look.glyphs.rule.repeat(Math.max(0, columns - paintedWidth(name) - paintedWidth(count) - 1));
  return `${look.paint(isFocused ? "accent" : "dim", look.glyphs.rule)}${name}${count}${look.paint(isFocused ? "accent" : "dim", rule)}`;
}

/** The line above a page: what it is, and a hint at its right. */
export function bannerLine(
  look: Look,
  title: string,
  hint: string,
  columns: number,
  isActive = true,
): string {
  const name = look.paint(isActive ? "active" : "title", ` ${look.cut(title, Math.max(1, columns - 4))} `);
  const right = ` ${hint} `;
  const rule = look.glyphs.rule.repeat(Math.max(0, columns - paintedWidth(name) - right.length - 2));
  const end =
    paintedWidth(name) + right.length + 2 > columns
      ? ""
      : look.paint("dim", `${rule}${right}${look.glyphs.rule}`);
  return `${look.paint("accent", look.glyphs.rule)}${name}${end}`;
}

/** The bottom line: what is typed or asked, what was said last, or the keys. */
export function footLine({ look, snap, ui, isReadOnly }: FrameContext, columns: number): string {
  const { mode, message } = ui;
  const cursor = look.paint("active", " ");
  if (mode.kind === "filter") return typed(look, "/", mode.text, cursor, columns);
  if (mode.kind === "command") return typed(look, ":", mode.text, cursor, columns);
  if (mode.kind === "ask-runtime") {
    const where = mode.gpu === null ? "to" : `GPU ${plain(mode.gpu)} to`;
    return typed(look, `switch ${where} runtime: `, mode.text, cursor, columns);
  }
  if (mode.kind === "confirm")
    return `${look.paint("warn", look.cut(mode.question, columns - 10))} ${look.paint("bold", "y")}/${look.paint("bold", "N")} `;
  const { link } = snap;
  if (link.state === "lost") {
    const next = Math.max(0, Math.ceil((link.retryAtMs - snap.nowMs) / 1000));
    const since = shortSpan(snap.nowMs - link.sinceMs);
    return look.paint(
      "bad",
      look.cut(` lost for ${since}: ${plain(link.why)}; next try in ${next} s; orch up starts one`, columns),
    );
  }
  if (message !== null) return look.paint(message.role, look.cut(` ${plain(message.text)}`, columns));
  return keyHints(look, ui, isReadOnly, columns);
}

function typed(look: Look, prompt: string, text: string, cursor: string, columns: number): string {
  const room = columns - prompt.length - 2;
  const shown = [...(plain(text) + (/\s$/.test(text) ? " " : ""))].slice(-room).join("");
  return `${look.paint("accent", prompt)}${shown}${cursor}`;
}

function keyHints(look: Look, ui: Ui, isReadOnly: boolean, columns: number): string {
  const hints: [string, string][] = [
    ["?", "help"],
    ["Tab", "pane"],
    ["Enter", "details"],
    ["l", "log"],
    ["/", readFilter(ui.filter).words.length > 0 ? `filter "${plain(ui.filter)}"` : "filter"],
    ["o", "sort"],
    ...(isReadOnly
      ? []
      : ([
          ["c", "cancel"],
          ["h", "hold"],
          ["s", "switch"],
          ["p", "pin"],
          [":", "command"],
        ] as [string, string][])),
    ["u", "users"],
    ["H", "history"],
    ["z", "zoom"],
    ["q", "quit"],
  ];
  const marked = ui.marks.size === 0 ? "" : ` ${look.paint("active", ` ${ui.marks.size} marked `)}`;
  let line = marked;
  for (const [key, what] of hints) {
    const hint = ` ${look.paint("bold", key)} ${look.paint("dim", what)} `;
    if (paintedWidth(line) + paintedWidth(hint) > columns) break;
    line += hint;
  }
  return line;
}
