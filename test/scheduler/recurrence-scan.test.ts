import { describe, expect, it } from "vitest";
import { nextFireMs, parseRecurrence } from "../../src/scheduler/recurrence.ts";
import { createRng, type Rng } from "../../src/std/rng.ts";

// Random lines against a scan of each minute of a year, with a reading of clocks and lines of its own.

const minuteMs = 60_000;
const startMs = Date.parse("2026-01-01T00:00Z");
const minutes = 365 * 24 * 60;

/** What clocks in a zone show at each minute of the year, in minutes since 1970. */
function clockOf(timeZone: string): Int32Array {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
  return Int32Array.from({ length: minutes }, (_, index) => {
    const shown = format.format(startMs + index * minuteMs).replace(" ", "T");
    return Date.parse(`${shown}Z`) / minuteMs;
  });
}

/** A line and the sets of values that it stands for; null: any. */
interface Line {
  readonly text: string;
  readonly minutes: readonly number[] | null;
  readonly hours: readonly number[] | null;
  readonly days: readonly number[] | null;
  readonly months: readonly number[] | null;
  readonly weekdays: readonly number[] | null;
}

/** A field: any, a step, a range or a list. */
function field(rng: Rng, from: number, to: number, pAny: number): [string, readonly number[] | null] {
  const all = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  if (rng.chance(pAny)) return ["*", null];
  const kind = rng.below(3);
  if (kind === 0) {
    const step = 2 + rng.below(Math.min(12, all.length - 2));
    return [`*/${step}`, all.filter((_, index) => index % step === 0)];
  }
  if (kind === 1) {
    const low = rng.below(all.length);
    const range = all.slice(low, low + 1 + rng.below(5));
    return [`${range[0]}-${range.at(-1)}`, range];
  }
  const list = all.filter(() => rng.chance(2 / all.length));
  return list.length === 0 ? [`${from}`, [from]] : [list.join(","), list];
}

function randomLine(rng: Rng): Line {
  const [minute, minutes] = field(rng, 0, 59, 0.1);
  const [hour, hours] = field(rng, 0, 23, 0.3);
  const [day, days] = field(rng, 1, 28, 0.6);
  const [month, months] = field(rng, 1, 12, 0.7);
  const [weekday, weekdays] = field(rng, 0, 6, 0.6);
  const steps = { text: `${minute} ${hour} ${day} ${month} ${weekday}`, minutes, hours, months, weekdays };
  // The field of the days goes to 31, and a step with it.
  const step = /^\*\/(\d+)$/.exec(day)?.[1];
  if (step === undefined) return { ...steps, days };
  return {
    ...steps,
    days: Array.from({ length: 31 }, (_, at) => at + 1).filter((at) => (at - 1) % Number(step) === 0),
  };
}

function matches(line: Line, shown: number): boolean {
  const date = new Date(shown * minuteMs);
  const has = (values: readonly number[] | null, value: number) => values === null || values.includes(value);
  if (!has(line.minutes, date.getUTCMinutes()) || !has(line.hours, date.getUTCHours())) return false;
  if (!has(line.months, date.getUTCMonth() + 1)) return false;
  const isDay = has(line.days, date.getUTCDate());
  const isWeekday = has(line.weekdays, date.getUTCDay());
  return line.days !== null && line.weekdays !== null ? isDay || isWeekday : isDay && isWeekday;
}

/** The indices of the minutes at which a line fires by its documented rule. */
function scan(line: Line, clock: Int32Array): number[] {
  const isEveryHour = line.hours === null;
  const found: number[] = [];
  let furthest = (clock[0] ?? 0) - 1;
  for (const [index, shown] of clock.entries()) {
    if (isEveryHour) {
      if (matches(line, shown)) found.push(index);
      continue;
    }
    let isDue = false;
    for (let passed = furthest + 1; passed <= shown; passed++) isDue ||= matches(line, passed);
    furthest = Math.max(furthest, shown);
    if (isDue) found.push(index);
  }
  return found;
}

const zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Asia/Beirut"];

describe.each(zones)("in %s", (timeZone) => {
  const clock = clockOf(timeZone);
  const changes = [...clock.entries()].filter(
    ([index, shown]) => index > 0 && shown !== (clock[index - 1] ?? 0) + 1,
  );

  it("sees the clocks change", () => expect(changes).toHaveLength(timeZone === "Asia/Kolkata" ? 0 : 2));

  it("random lines fire at the minutes that a scan finds", () => {
    const rng = createRng(zones.indexOf(timeZone) + 1);
    for (let count = 0; count < 25; count++) {
      const line = randomLine(rng);
      const expected = scan(line, clock);
      const recurrence = parseRecurrence(line.text, timeZone, "UTC");
      const starts = [
        0,
        rng.below(minutes),
        ...changes.flatMap(([index]) => [index - 1440, index - 20, index + 20]),
      ];
      for (const start of starts) {
        const afterMs = startMs + start * minuteMs - 1 - rng.below(50_000);
        const awaited = expected.filter((index) => startMs + index * minuteMs > afterMs).slice(0, 40);
        const found: number[] = [];
        let atMs = afterMs;
        for (const _ of awaited) {
          const nextMs = nextFireMs(recurrence, atMs) ?? Number.NaN;
          if (!(nextMs > atMs)) throw new Error(`${line.text}: ${nextMs} is not after ${atMs}`);
          atMs = nextMs;
          found.push((atMs - startMs) / minuteMs);
        }
        expect(found, `${line.text} in ${timeZone} after ${new Date(afterMs).toISOString()}`).toEqual(
          awaited,
        );
      }
    }
  });
});
