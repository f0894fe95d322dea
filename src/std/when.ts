import { Failure } from "./failure.ts";
import { dayMs, momentOfWall, wallMsAt } from "./time-zone.ts";

const examples = 'write it like 14:30, "tomorrow 09:00", "mon 08:00", +2h, 2026-12-01T12:00 or @1790000000';

const unitsMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: dayMs,
  w: 7 * dayMs,
};
const weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const namedTimesMs: Readonly<Record<string, number>> = {
  midnight: 0,
  noon: 12 * 3_600_000,
  fika: 15 * 3_600_000,
  teatime: 16 * 3_600_000,
};
const lastMs = Date.parse("9999-12-31T00:00Z");

/**
 * Reads a point in time as people write it: `now`; a time of day, for its next occurrence (`14:30`, `9:30pm`, `9am`,
 * `noon`, `midnight`, `teatime`); a day, alone for its 00:00 or with a time (`today`, `tomorrow 09:00`, `mon 08:00`,
 * `2026-12-01`); ISO 8601 with or without an offset (`2026-12-01T12:00:00Z`); a span from now, in real time
 * (`+2h`, `+1h30m`, `now+30m`, `now+1hour`, `now+60` in seconds, `in 2 hours`); seconds since 1970 (`@1790000000`).
 * A weekday is its next occurrence after now. Where clocks skip the time, the moment after the gap is taken; where they
 * show it twice, the first. What names a date or today may lie in the past: that is for the caller to judge.
 * @param timeZone an IANA name
 * @returns milliseconds since 1970 UTC
 * @throws Failure usage/invalid
 */
export function parseWhen(text: string, nowMs: number, timeZone: string): number {
  if (text.length > 100) throw wrong(text, "it is too long");
  const words = text.trim().toLowerCase().replace(/\s+/g, " ");
  const atMs =
    readSpan(words, text, nowMs) ??
    readEpoch(words, text) ??
    readIso(words, text, timeZone) ??
    readDayAndTime(words, text, nowMs, timeZone);
  if (atMs < 0 || atMs > lastMs) throw wrong(text, "it is not between the years 1970 and 9999");
  return atMs;
}

function wrong(text: string, why: string, hint = examples): Failure {
  return new Failure("usage/invalid", `"${text.slice(0, 80)}" is not a point in time`, { why, hint });
}

/** `now`, `+2h`, `now+30m`, `now + 1 hour`, `in 2 hours`. */
function readSpan(words: string, text: string, nowMs: number): number | null {
  if (words === "now") return nowMs;
  const [, sign, span] = /^(now ?\+|\+|in )(.*)$/.exec(words) ?? [];
  if (sign === undefined || span === undefined) return null;
  const compact = span.replace(/ |,|\band\b/g, "");
  if (/^\d+$/.test(compact) && sign.startsWith("now")) return nowMs + Number(compact) * 1000;
  const parts = [...compact.matchAll(/(\d+(?:\.\d+)?)([a-z]+)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== compact) {
    throw wrong(text, "a span needs numbers with units", "write it like +90s, +10m, +1h30m, +2d or +1w");
  }
  const spansMs = parts.map((part) => Number(part[1]) * unitMs(part[2] ?? "", text));
  return Math.round(nowMs + spansMs.reduce((sum, ms) => sum + ms, 0));
}

function unitMs(unit: string, text: string): number {
  const [, short] =
    /^(?:(s)(?:ecs?|econds?)?|(m)(?:ins?|inutes?)?|(h)(?:rs?|ours?)?|(d)(?:ays?)?|(w)(?:eeks?)?)$/
      .exec(unit)
      ?.filter((part) => part !== undefined) ?? [];
  const ms = short === undefined ? undefined : unitsMs[short];
  if (ms !== undefined) return ms;
  const why = /^(mon|y)/.test(unit)
    ? "months and years differ in length; name the date"
    : `"${unit}" is not a unit of time`;
  throw wrong(text, why, "the units are s, m, h, d and w, like +90s, +1h30m or +2d");
}

function readEpoch(words: string, text: string): number | null {
  const epoch = /^@(\d+(?:\.\d{1,3})?)$/.exec(words)?.[1];
  if (epoch !== undefined) return Math.round(Number(epoch) * 1000);
  if (!/^\d{5,}$/.test(words)) return null;
  throw wrong(
    text,
    "a bare number can mean many things",
    `for seconds since 1970 write @${words.slice(0, 20)}`,
  );
}

/** A date, and maybe a time and an offset. */
function readIso(words: string, text: string, timeZone: string): number | null {
  const match = /^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[t ]|, )(.+?))?\s?(z|utc|[+-]\d\d(?::?\d\d)?)?$/.exec(words);
  if (match === null) return null;
  const [, year, month, day, time, offset] = match;
  const dateMs = readDate(Number(year), Number(month), Number(day), text);
  if (offset !== undefined && time === undefined) throw wrong(text, "it has an offset, but no time of day");
  const timeMs = time === undefined ? 0 : readTimeOfDay(time, text);
  if (timeMs === null) throw wrong(text, `"${time}" is not a time of day`);
  const wallMs = dateMs + timeMs;
  if (offset === undefined) return momentOfWall(timeZone, wallMs).atMs;
  const [, sign = "+", hours = 0, minutes = 0] = /^([+-])(\d\d):?(\d\d)?$/.exec(offset) ?? [];
  if (Number(hours) > 14 || Number(minutes) > 59) throw wrong(text, "offsets go from -14:00 to +14:00");
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return wallMs - (sign === "-" ? -offsetMs : offsetMs);
}

function readDate(year: number, month: number, day: number, text: string): number {
  if (month < 1 || month > 12) throw wrong(text, `months go from 1 to 12, and ${month} is none`);
  const lastDay = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (day < 1 || day > lastDay)
    throw wrong(text, `that month has ${lastDay} days, and ${day} is none of them`);
  return Date.UTC(year, month - 1, day);
}

/** `14:30`, `tomorrow`, `mon 08:00`, `9am tomorrow`: a time of day, a day, or both. */
function readDayAndTime(words: string, text: string, nowMs: number, timeZone: string): number {
  const parts = words.split(" ").filter((part) => part !== "at" && part !== "");
  const todayMs = Math.floor(wallMsAt(timeZone, nowMs) / dayMs) * dayMs;
  const dayAt = parts.findIndex((part) => daysUntil(part, todayMs) !== null);
  const timeText = parts.filter((_, index) => index !== dayAt).join(" ");
  if (parts.length === 0 || (dayAt > 0 && dayAt < parts.length - 1)) throw notUnderstood(words, text);
  const timeMs = timeText === "" ? 0 : readTimeOfDay(timeText, text);
  if (timeMs === null) throw notUnderstood(words, text);
  const momentIn = (days: number): number => momentOfWall(timeZone, todayMs + days * dayMs + timeMs).atMs;
  const day = parts[dayAt] ?? "";
  const days = daysUntil(day, todayMs) ?? 0;
  const atMs = momentIn(days);
  if (atMs > nowMs || day === "today") return atMs;
  return momentIn(days + (dayAt === -1 ? 1 : 7));
}

/** 0 for today and today's weekday, 1 for tomorrow and tomorrow's; null if it names no day. */
function daysUntil(word: string, todayMs: number): number | null {
  if (word === "today") return 0;
  if (word === "tomorrow") return 1;
  const named = weekdays.findIndex((name) => word.length >= 3 && name.startsWith(word));
  return named === -1 ? null : (named - new Date(todayMs).getUTCDay() + 7) % 7;
}

/** Milliseconds after midnight of `14:30`, `14:30:05`, `9am`, `9:30 pm`, `noon`; null if it looks like none. */
function readTimeOfDay(time: string, text: string): number | null {
  if (Object.hasOwn(namedTimesMs, time)) return namedTimesMs[time] ?? null;
  const match = /^(\d{1,2})(?::(\d\d)(?::(\d\d)(\.\d{1,3}\d*)?)?)? ?([ap]m)?$/.exec(time);
  if (match === null || (match[2] === undefined && match[5] === undefined)) return null;
  const [hour, minute, second, fraction] = match.slice(1, 5).map((part) => Number(part ?? 0)) as TimeFields;
  const half = match[5];
  if (half !== undefined && (hour < 1 || hour > 12))
    throw wrong(text, "hours go from 1 to 12 with am and pm");
  if (hour === 24) throw wrong(text, "hours go from 0 to 23", "24:00 is 00:00 of the next day");
  if (hour > 23) throw wrong(text, `hours go from 0 to 23, and ${hour} is none`);
  if (minute > 59 || second > 59) throw wrong(text, "minutes and seconds go from 0 to 59");
  const hourOfDay = half === undefined ? hour : (hour % 12) + (half === "pm" ? 12 : 0);
  return (hourOfDay * 60 + minute) * 60_000 + second * 1000 + Math.floor(fraction * 1000);
}

type TimeFields = [hour: number, minute: number, second: number, fraction: number];

function notUnderstood(words: string, text: string): Failure {
  if (words === "") return wrong(text, "it is empty");
  if (/^\d+(\.\d+)? ?[a-z]+$/.test(words))
    return wrong(text, "a span from now begins with +", `write +${words}`);
  if (/^\d+[/.]\d+([/.]\d+)?/.test(words)) {
    return wrong(text, "people read such dates in different orders", "write the year first, like 2026-12-01");
  }
  if (/^(next|this) /.test(words))
    return wrong(text, `"${words.split(" ")[0]}" means different days to people`);
  return wrong(text, "it has none of the known forms");
}
