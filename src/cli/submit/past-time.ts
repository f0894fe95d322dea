import { parseDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";
import { parseWhen } from "../../std/when.ts";

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
  const atMs = parsePoint(text, nowMs);
  const isTimeOfDay = /^(\d{1,2}(:\d\d){0,2} ?([ap]m)?|noon|midnight|teatime|fika)$/i.test(trimmed);
  return isTimeOfDay && atMs > nowMs ? atMs - DAY_MS : atMs;
}

function parsePoint(text: string, nowMs: number): number {
  try {
    return parseWhen(text, nowMs, Intl.DateTimeFormat().resolvedOptions().timeZone);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(error.code, `${JSON.stringify(text)} is no time that has been`, {
      hint: "write it like 10m, 2h, 14:30 or 2026-12-01T12:00",
    });
  }
}
