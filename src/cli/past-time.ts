import { parseDurationMs } from "../std/duration.ts";
import { parseWhen } from "../std/when.ts";

/** "10m", "2h" or "90s" ago. */
const AGO = /^(\d+(\.\d+)?(ms|s|m|h|d))+$/i;
const DAY_MS = 86_400_000;

/**
 * Reads a time that lies behind as people type it: a span such as `10m` back from now, or a point in time as `parseWhen` has
 * it, where a time of day is meant as the last one that was. Milliseconds since 1970.
 * @throws Failure usage/invalid
 */
export function readPastTime(text: string, nowMs: number): number {
  const trimmed = text.trim().replace(/^-(?=\d)/, "");
  if (AGO.test(trimmed)) return Math.max(0, nowMs - parseDurationMs(trimmed));
  const atMs = parseWhen(text, nowMs, Intl.DateTimeFormat().resolvedOptions().timeZone);
  const isTimeOfDay = /^(\d{1,2}(:\d\d){0,2} ?([ap]m)?|noon|midnight|teatime|fika)$/i.test(trimmed);
  return isTimeOfDay && atMs > nowMs ? atMs - DAY_MS : atMs;
}
