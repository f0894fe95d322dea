import type { Fields } from "../../std/filter/fields.ts";
import type { Filter } from "../../std/filter/filter.ts";
import { parseFilter } from "../../std/filter/parse-filter.ts";
import { hostTimeZone } from "../../std/time-zone.ts";

/** A filter that was typed, and the zone of its times: undefined when it has none, since to find it out takes its time. */
export interface ReadFilter {
  readonly condition: Filter;
  readonly timeZone: string | undefined;
}

/** Reads --filter on the clocks of the caller. @throws Failure usage/invalid with the column of the mistake */
export function readFilter(text: string, fields: Fields, nowMs: number): ReadFilter {
  let timeZone: string | undefined;
  const clock = {
    nowMs,
    get timeZone(): string {
      timeZone ??= hostTimeZone();
      return timeZone;
    },
  };
  return { condition: parseFilter(text, fields, clock), timeZone };
}

/** The filter and what the daemon needs to read it alike; nothing without one. */
export function filterInput(
  text: string | undefined,
  fields: Fields,
  nowMs: number,
): { filter?: string; timeZone?: string } {
  if (text === undefined) return {};
  const { timeZone } = readFilter(text, fields, nowMs);
  return { filter: text, ...(timeZone === undefined ? {} : { timeZone }) };
}
