import { Failure } from "../../std/failure.ts";
import { parsePast } from "../../std/past-time.ts";

/**
 * Reads a time that lies behind as people type it: a span such as `10m` back from now, or a point in time as `parsePast` has
 * it. Milliseconds since 1970.
 * @throws Failure usage/invalid
 */
export function readPastTime(text: string, nowMs: number): number {
  try {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    return parsePast(text.trim().replace(/^-(?=\d)/, ""), nowMs, timeZone);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(error.code, `${JSON.stringify(text)} is no time that has been`, {
      hint: "write it like 10m, 2h, 14:30 or 2026-12-01T12:00",
    });
  }
}
