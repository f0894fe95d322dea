import type { CronExpression } from "cron-parser";
import { loadLater } from "../std/load-later.ts";
import {
  checkTimeZone,
  dayMs,
  findOffsetChange,
  momentOfWall,
  offsetMsAt,
  wallMsAt,
} from "../std/time-zone.ts";
import { readCronLine } from "./cron-line.ts";

/**
 * A cron line in a time zone. Days are matched as in crontab(5): if both the day of the month and the weekday are
 * restricted (anything but `*` and `?`), either is enough.
 *
 * When clocks change, a line with fewer than 24 hours in its hour field fires once for each time that it names: a
 * time that is skipped fires when the gap is over (several of one gap fire once together), and one that comes twice
 * fires at the first. A line of every hour fires whenever clocks show a matching time: each real hour.
 */
export interface Recurrence {
  readonly line: string;
  /** An IANA name. */
  readonly timeZone: string;
  readonly isEveryHour: boolean;
  /** Asked in UTC, where days have 24 hours, for times on the zone's clocks. Its position carries no meaning. */
  readonly expression: CronExpression;
}

/** Fires that lie in a span of time. */
export interface MissedFires {
  /** The newest ones, oldest first. */
  readonly newestMs: readonly number[];
  /** Whether there were more than the limit, so that older ones are left out. */
  readonly isCut: boolean;
}

// It takes 15 ms to load (luxon is most of it), which a daemon without schedules need not spend.
const cronParser = loadLater<typeof import("cron-parser")>("cron-parser");

/**
 * Reads a cron line: five fields (minute, hour, day of the month, month, weekday), six with seconds first, or @hourly,
 * @daily, @midnight, @weekly, @monthly, @yearly, @annually. Names (MON, JAN), lists, ranges, steps, `?` for any,
 * `L` (last day of the month), `5L` (last Friday) and `MON#1` (first Monday) are known; Jenkins' `H` is refused.
 * @param timeZone an IANA name, or null for hostTimeZone
 * @throws Failure usage/invalid, with the field that is wrong; also for a line that never fires
 */
export function parseRecurrence(line: string, timeZone: string | null, hostTimeZone: string): Recurrence {
  const zone = checkTimeZone(timeZone ?? hostTimeZone);
  const parse = (text: string): CronExpression =>
    cronParser().CronExpressionParser.parse(text, { tz: "UTC", currentDate: new Date(0) });
  const expression = readCronLine(line, parse);
  return {
    line: line.trim(),
    timeZone: zone,
    isEveryHour: expression.fields.hour.values.length === 24,
    expression,
  };
}

/**
 * The first fire after a moment; both in milliseconds since 1970 UTC.
 * @returns null if it never fires again (before the year 9999)
 */
export function nextFireMs(recurrence: Recurrence, afterMs: number): number | null {
  return recurrence.isEveryHour ? nextShownMs(recurrence, afterMs) : nextNamedMs(recurrence, afterMs);
}

/** Each time that the line names fires once, at the first moment at which clocks have come that far. */
function nextNamedMs(recurrence: Recurrence, afterMs: number): number | null {
  const wallMs = nextWallMs(recurrence, lastWallMs(recurrence.timeZone, afterMs));
  return wallMs === null ? null : momentOfWall(recurrence.timeZone, wallMs).atMs;
}

/** How far clocks have come so far. While a time is shown for the second time, that is the end of the first. */
function lastWallMs(timeZone: string, atMs: number): number {
  const wallMs = wallMsAt(timeZone, atMs);
  const firstMs = momentOfWall(timeZone, wallMs).atMs;
  if (firstMs === atMs) return wallMs;
  const changeMs = findOffsetChange(timeZone, firstMs, atMs) ?? atMs;
  return wallMsAt(timeZone, changeMs - 1);
}

/** Fires whenever clocks show a time that matches. */
function nextShownMs(recurrence: Recurrence, afterMs: number): number | null {
  const { timeZone } = recurrence;
  let fromMs = afterMs;
  let fromWallMs = wallMsAt(timeZone, afterMs);
  for (;;) {
    const wallMs = nextWallMs(recurrence, fromWallMs);
    if (wallMs === null) return null;
    const atMs = wallMs - offsetMsAt(timeZone, fromMs);
    const changeMs = findOffsetChange(timeZone, fromMs, fromMs + dayMs);
    if (changeMs !== null && atMs >= changeMs) {
      // Clocks are changed first, and go on from another time: look again from there, that time included.
      fromMs = changeMs;
      fromWallMs = wallMsAt(timeZone, changeMs) - 1;
      continue;
    }
    if (atMs <= fromMs + dayMs) return atMs;
    const moment = momentOfWall(timeZone, wallMs);
    if (moment.kind !== "gap") return moment.atMs;
    fromMs = moment.atMs;
    fromWallMs = wallMsAt(timeZone, moment.atMs) - 1;
  }
}

/** The next time on the zone's clocks that matches. */
function nextWallMs({ expression }: Recurrence, afterWallMs: number): number | null {
  try {
    expression.reset(new Date(afterWallMs));
    return expression.next().getTime();
  } catch {
    // The parser gives up after 10,000 steps, which is centuries.
    return null;
  }
}

/**
 * The fires in (sinceMs, untilMs]. The work is bounded by the limit, not by how many there are.
 * @param limit at most this many; of more, the newest
 */
export function missedFires(
  recurrence: Recurrence,
  sinceMs: number,
  untilMs: number,
  limit: number,
): MissedFires {
  const all = firesIn(recurrence, sinceMs, untilMs, limit + 1);
  if (all.length <= limit) return { newestMs: all, isCut: false };
  // How far to look back: twice as far each time until that is enough, then less until it is not much too far.
  let spanMs = 1000;
  while (firesIn(recurrence, untilMs - spanMs, untilMs, limit).length < limit) spanMs *= 2;
  let tooShortMs = spanMs / 2;
  let newest = firesIn(recurrence, untilMs - spanMs, untilMs, 2 * limit + 1);
  while (newest.length > 2 * limit) {
    const middleMs = Math.floor((tooShortMs + spanMs) / 2);
    const found = firesIn(recurrence, untilMs - middleMs, untilMs, 2 * limit + 1);
    if (found.length < limit) tooShortMs = middleMs;
    else [spanMs, newest] = [middleMs, found];
  }
  return { newestMs: newest.slice(-limit), isCut: true };
}

function firesIn(recurrence: Recurrence, sinceMs: number, untilMs: number, most: number): number[] {
  const fires: number[] = [];
  let fireMs = nextFireMs(recurrence, sinceMs);
  while (fireMs !== null && fireMs <= untilMs && fires.length < most) {
    fires.push(fireMs);
    fireMs = nextFireMs(recurrence, fireMs);
  }
  return fires;
}
