import { findLineStart, findTail, type LogPiece, type LogReader, readLog } from "../log/log-reader.ts";
import { type LogTime, offsetSince, offsetUntil, readTimes, timeAt } from "../log/log-times.ts";
import { sizeOfLog } from "../log/raw-log.ts";
import type { LogLine } from "../protocol/log-views.ts";
import type { Clock } from "../std/clock.ts";
import type { Grep } from "./grep.ts";
import { createLogLines, type Line } from "./log-lines.ts";
import type { LogSource } from "./log-sources.ts";

/** What is wanted of a log. */
export interface LogWish {
  readonly tail: number | null;
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  readonly grep: Grep | null;
  /** One line of the log in each piece, with its time. */
  readonly lines: boolean;
  /** Pieces end with lines, so that those of several logs can be mixed. */
  readonly wholeLines: boolean;
}

/** Follows one log as far as it goes. */
export interface LogTail {
  /** What is new since the last call. @param isLast nobody will ask again: a line that has no end yet is handed out, too */
  news(isLast: boolean): AsyncGenerator<LogLine, void, undefined>;
  /** Nothing more will come. */
  isOver(): boolean;
  close(): void;
}

/** Of lines kept for `tail` with `grep`. Characters. */
const KEPT_MAX = 8 * 2 ** 20;

/** @param resumeAt offset to go on from; null = where the wish says */
export function createLogTail(
  first: LogSource,
  resumeAt: number | null,
  wish: LogWish,
  clock: Clock,
): LogTail {
  let source = first;
  let reader: LogReader | null = null;
  let endOffset = Number.POSITIVE_INFINITY;
  let isOver = false;
  let shaper = createShaper(source, wish, clock);

  const open = async (): Promise<LogReader> => {
    if (reader !== null) return reader;
    const times = wish.sinceMs === null && wish.untilMs === null ? [] : await readTimes(source.file);
    if (wish.untilMs !== null) endOffset = offsetUntil(times, wish.untilMs) ?? Number.POSITIVE_INFINITY;
    const start = source === first ? (resumeAt ?? (await startOf(source, times, wish))) : 0;
    reader = readLog(source.file, start, source.mask);
    return reader;
  };
  const read = async function* (over: boolean): AsyncGenerator<LogLine, void, undefined> {
    const from = await open();
    while (from.offset < endOffset) {
      const piece = await from.next(over);
      if (piece === null) break;
      yield* shaper.take(cutAt(piece, endOffset));
    }
    if (from.offset >= endOffset) isOver = true;
    if (over || isOver) yield* shaper.end();
  };
  return {
    async *news(isLast) {
      for (;;) {
        const over = source.isOver();
        yield* read(over);
        if (!over || isOver) break;
        const next = source.next();
        if (next === null) {
          isOver = true;
          break;
        }
        reader?.close();
        reader = null;
        source = next;
        shaper = createShaper(source, wish, clock);
      }
      if (isLast) yield* shaper.end();
      yield* shaper.kept();
    },
    isOver: () => isOver,
    close: () => reader?.close(),
  };
}

async function startOf(source: LogSource, times: readonly LogTime[], wish: LogWish): Promise<number> {
  const since =
    wish.sinceMs === null ? 0 : await findLineStart(source.file, offsetSince(times, wish.sinceMs));
  if (wish.tail === null || wish.grep !== null) return since;
  const end = wish.untilMs === null ? null : offsetUntil(times, wish.untilMs);
  const tail = await findTail(source.file, end ?? (await sizeOfLog(source.file)), wish.tail);
  return Math.max(since, tail.offset);
}

function cutAt(piece: LogPiece, endOffset: number): LogPiece {
  return { ...piece, bytes: piece.bytes.subarray(0, Math.max(0, endOffset - piece.offset)) };
}

/** Makes pieces of a log into what is handed out. */
interface Shaper {
  take(piece: LogPiece): AsyncGenerator<LogLine, void, undefined>;
  /** The log is over: what is left of its last line. */
  end(): AsyncGenerator<LogLine, void, undefined>;
  /** The last lines that match, once the end was reached for the first time. */
  kept(): Generator<LogLine, void, undefined>;
}

function createShaper(source: LogSource, wish: LogWish, clock: Clock): Shaper {
  const isPlain = wish.grep === null && !wish.lines && !wish.wholeLines;
  const timesUpTo = createTimes(source, clock);
  const keeper = createKeeper(wish.grep !== null ? wish.tail : null);
  const lines = createLogLines();
  const record = (text: string, end: number, at: string | null): LogLine => ({
    text,
    at,
    ...source.about,
    cursor: `${source.key}@${end}`,
  });
  const shape = async (whole: readonly Line[]): Promise<LogLine[]> => {
    const wanted = await wish.grep?.(whole.map(({ text }) => text));
    const shown = whole.filter((_, index) => wanted?.[index] !== false);
    const last = shown.at(-1);
    if (last === undefined) return [];
    if (wish.lines) {
      const timeOf = await timesUpTo(last.end);
      return shown.map(({ text, start, end }) => record(text, end, timeOf(start)));
    }
    const texts = shown.map(({ text, hasEnd }) => (hasEnd ? `${text}\n` : text));
    if (keeper.isKeeping()) return shown.map(({ end }, index) => record(texts[index] ?? "", end, null));
    return [record(texts.join(""), last.end, null)];
  };
  const hand = function* (records: readonly LogLine[]): Generator<LogLine, void, undefined> {
    if (keeper.isKeeping()) keeper.keep(records);
    else yield* records;
  };
  return {
    async *take(piece) {
      if (piece.missingBytes > 0) yield record(gapMark(piece.missingBytes, wish.lines), piece.offset, null);
      if (isPlain) yield record(piece.bytes.toString(), piece.offset + piece.bytes.length, null);
      else yield* hand(await shape(lines.push(piece)));
    },
    async *end() {
      yield* hand(await shape(lines.end()));
    },
    kept: () => keeper.release(),
  };
}

function gapMark(bytes: number, isLine: boolean): string {
  return `[... ${bytes} bytes left out: they were rotated away]${isLine ? "" : "\n"}`;
}

/** When the lines of a batch that ends at `end` were there, by the times noted for their log; the newest are there now. */
function createTimes(source: LogSource, clock: Clock): (end: number) => Promise<(offset: number) => string> {
  let times: readonly LogTime[] = [];
  return async (end) => {
    if ((times.at(-1)?.size ?? 0) < end) times = await readTimes(source.file);
    const nowMs = clock.nowMs();
    return (offset) => new Date(timeAt(times, offset) ?? nowMs).toISOString();
  };
}

/** Keeps the last lines until they are asked for; afterwards nothing is kept any more. */
function createKeeper(count: number | null) {
  let kept: LogLine[] | null = count === null ? null : [];
  let characters = 0;
  return {
    isKeeping: () => kept !== null,
    keep(records: readonly LogLine[]): void {
      for (const each of records) {
        kept?.push(each);
        characters += each.text.length;
        while (kept !== null && (kept.length > (count ?? 0) || characters > KEPT_MAX))
          characters -= kept.shift()?.text.length ?? 0;
      }
    },
    *release(): Generator<LogLine, void, undefined> {
      const released = kept ?? [];
      kept = null;
      yield* released;
    },
  };
}
