import { parseDurationMs } from "./duration.ts";
import { dayMs } from "./time-zone.ts";
import { parseWhen } from "./when.ts";

/** "10m", "2h ago", "1w". */
const AGO = /^(?:(\d+(?:\.\d+)?)w)?((?:\d+(?:\.\d+)?(?:ms|s|m|h|d))*)(?: ago)?$/i;
const TIME_OF_DAY = /^(\d{1,2}(:\d\d){0,2} ?([ap]m)?|noon|midnight|teatime|fika)$/i;
const WEEKDAY = /^(mon|tue|wed|thu|fri|sat|sun)[a-z]*\b/i;

/**
 * Reads a time that lies behind as people type it: a span back from now such as `10m`, `2h ago` or `1w`, or a point in time
 * as `parseWhen` has it, where a time of day or a weekday is the last one that was; `yesterday 09:00`, too.
 * @returns milliseconds since 1970 UTC, never before
 * @throws Failure usage/invalid
 */
export function parsePast(text: string, nowMs: number, timeZone: string): number {
  const trimmed = text.trim().replace(/\s+/g, " ");
  const [span, weeks, rest] = AGO.exec(trimmed) ?? [];
  if (span !== undefined && /^\d/.test(span)) {
    const agoMs = Number(weeks ?? 0) * 7 * dayMs + (rest ? parseDurationMs(rest) : 0);
    return Math.max(0, nowMs - agoMs);
  }
  // What comes next after then is the last one there was.
  if (TIME_OF_DAY.test(trimmed)) return parseWhen(trimmed, nowMs - dayMs, timeZone);
  if (WEEKDAY.test(trimmed)) return parseWhen(trimmed, nowMs - 7 * dayMs, timeZone);
  if (/^yesterday\b/i.test(trimmed))
    return parseWhen(trimmed.replace(/^yesterday/i, "today"), nowMs - dayMs, timeZone);
  return parseWhen(text, nowMs, timeZone);
}
