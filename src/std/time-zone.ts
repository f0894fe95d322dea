import { Failure } from "./failure.ts";
import { suggest } from "./suggest.ts";

/** Longer than any change of a clock: zones lie within 26 hours of each other. */
export const dayMs = 86_400_000;

/** Three-letter names that mean one thing. ICU takes others too, and reads BST as Dhaka's time. */
const clearShortNames = new Set("utc gmt uct cet eet met wet est mst hst roc rok prc".split(" "));

const formats = new Map<string, Intl.DateTimeFormat>();

/** The IANA name of the zone that this process runs in (TZ, else /etc/localtime); UTC where none is set. */
export function hostTimeZone(): string {
  const name = new Intl.DateTimeFormat().resolvedOptions().timeZone as string | undefined;
  return name !== undefined && findFormat(name) !== null ? name : "UTC";
}

/**
 * Lets through the IANA names of time zones ("Europe/Berlin", "UTC"), in any case of letters.
 * @returns the name as given, without blanks around it
 * @throws Failure usage/invalid, with the nearest name
 */
export function checkTimeZone(name: string): string {
  const trimmed = name.trim();
  const isUnclear = /^[a-z]{3}$/i.test(trimmed) && !clearShortNames.has(trimmed.toLowerCase());
  const isOffset = /^[+-]|^(utc|gmt)[+-]/i.test(trimmed);
  if (!isUnclear && !isOffset && findFormat(trimmed) !== null) return trimmed;
  const near = nearestZone(trimmed);
  throw new Failure("usage/invalid", `"${trimmed.slice(0, 60)}" is not a time zone`, {
    why: isUnclear
      ? "abbreviations mean different zones in different countries"
      : isOffset
        ? "an offset knows no summer time; name the place"
        : "zones are named after a place, as in the IANA database",
    hint: near === undefined ? "write it like Europe/Berlin or UTC" : `did you mean ${near}?`,
  });
}

/** The known zone that is meant by a city alone or by a misspelt name. */
function nearestZone(name: string): string | undefined {
  const known = ["UTC", ...Intl.supportedValuesOf("timeZone")];
  const lower = name.toLowerCase().replaceAll(" ", "_");
  const sameCity = known.find((zone) => zone.toLowerCase().endsWith(`/${lower}`));
  return sameCity ?? (lower.length > 3 && lower.length < 60 ? suggest(name, known) : undefined);
}

function findFormat(timeZone: string): Intl.DateTimeFormat | null {
  const kept = formats.get(timeZone);
  if (kept !== undefined) return kept;
  try {
    const made = new Intl.DateTimeFormat("en-US", {
      timeZone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(timeZone, made);
    return made;
  } catch {
    return null;
  }
}

/**
 * What clocks in a zone show, as the milliseconds at which a clock in UTC shows the same: fields can then be read with
 * `getUTCHours` and so on, and days are always 24 hours long.
 * @param atMs since 1970 UTC, within the years 1000 to 9999
 */
export function wallMsAt(timeZone: string, atMs: number): number {
  const format = findFormat(timeZone);
  if (format === null) throw new Failure("usage/invalid", `"${timeZone}" is not a time zone`);
  const wholeSecondMs = Math.floor(atMs / 1000) * 1000;
  const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = (
    format.format(wholeSecondMs).match(/\d+/g) ?? []
  ).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second) + (atMs - wholeSecondMs);
}

/** How far a zone's clocks are ahead of UTC at a moment, in milliseconds. */
export function offsetMsAt(timeZone: string, atMs: number): number {
  return wallMsAt(timeZone, atMs) - atMs;
}

/** The first moment in (fromMs, untilMs] with another offset than at fromMs, if it is another at untilMs; else null. */
export function findOffsetChange(timeZone: string, fromMs: number, untilMs: number): number | null {
  const offsetMs = offsetMsAt(timeZone, fromMs);
  if (offsetMsAt(timeZone, untilMs) === offsetMs) return null;
  let beforeMs = fromMs;
  let afterMs = untilMs;
  while (afterMs - beforeMs > 1) {
    const middleMs = Math.floor((beforeMs + afterMs) / 2);
    if (offsetMsAt(timeZone, middleMs) === offsetMs) beforeMs = middleMs;
    else afterMs = middleMs;
  }
  return afterMs;
}

/**
 * When clocks in a zone show a time (see `wallMsAt`): `once`, `twice` as clocks are set back, or in a `gap` as they are
 * set forward.
 * @returns atMs: the moment; the first one of two; the end of the gap, at which clocks have jumped past that time
 */
export function momentOfWall(
  timeZone: string,
  wallMs: number,
): { readonly kind: "once" | "twice" | "gap"; readonly atMs: number } {
  const offsetBeforeMs = offsetMsAt(timeZone, wallMs - dayMs);
  const offsetAfterMs = offsetMsAt(timeZone, wallMs + dayMs);
  const earlyMs = wallMs - Math.max(offsetBeforeMs, offsetAfterMs);
  const lateMs = wallMs - Math.min(offsetBeforeMs, offsetAfterMs);
  const isEarly = wallMsAt(timeZone, earlyMs) === wallMs;
  const isLate = wallMsAt(timeZone, lateMs) === wallMs;
  if (isEarly && isLate && earlyMs !== lateMs) return { kind: "twice", atMs: earlyMs };
  if (isEarly || isLate) return { kind: "once", atMs: isEarly ? earlyMs : lateMs };
  return { kind: "gap", atMs: findOffsetChange(timeZone, earlyMs, lateMs) ?? lateMs };
}
