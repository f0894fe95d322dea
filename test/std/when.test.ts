import { describe, expect, it } from "vitest";
import { formatUtc } from "../../src/std/format-utc.ts";
import { formatWhen } from "../../src/std/format-when.ts";
import { parseWhen } from "../../src/std/when.ts";
import { expectFailure } from "../runtime/expect-failure.ts";

// A Wednesday; in Berlin it is 14:00.
const nowMs = Date.parse("2026-07-01T12:00:00Z");

function read(text: string, timeZone = "Europe/Berlin", now = nowMs): string {
  return new Date(parseWhen(text, now, timeZone)).toISOString();
}

describe("a point in time", () => {
  it.each([
    ["now", "2026-07-01T12:00:00.000Z"],
    ["+2h", "2026-07-01T14:00:00.000Z"],
    ["+1h30m", "2026-07-01T13:30:00.000Z"],
    ["+ 90 s", "2026-07-01T12:01:30.000Z"],
    ["+0.5h", "2026-07-01T12:30:00.000Z"],
    ["now+30m", "2026-07-01T12:30:00.000Z"],
    ["now+1hour", "2026-07-01T13:00:00.000Z"],
    ["now + 2 weeks", "2026-07-15T12:00:00.000Z"],
    ["now+60", "2026-07-01T12:01:00.000Z"],
    ["in 2 hours", "2026-07-01T14:00:00.000Z"],
    ["in 1 hour and 5 mins", "2026-07-01T13:05:00.000Z"],
    ["in 3 days", "2026-07-04T12:00:00.000Z"],
    ["14:30", "2026-07-01T12:30:00.000Z"],
    ["14:00", "2026-07-02T12:00:00.000Z"],
    ["9:05", "2026-07-02T07:05:00.000Z"],
    ["at 16:00:30", "2026-07-01T14:00:30.000Z"],
    ["9am", "2026-07-02T07:00:00.000Z"],
    ["9:30 PM", "2026-07-01T19:30:00.000Z"],
    ["12am", "2026-07-01T22:00:00.000Z"],
    ["12pm", "2026-07-02T10:00:00.000Z"],
    ["midnight", "2026-07-01T22:00:00.000Z"],
    ["noon", "2026-07-02T10:00:00.000Z"],
    ["teatime", "2026-07-01T14:00:00.000Z"],
    ["fika", "2026-07-01T13:00:00.000Z"],
    ["today", "2026-06-30T22:00:00.000Z"],
    ["today 09:00", "2026-07-01T07:00:00.000Z"],
    ["tomorrow", "2026-07-01T22:00:00.000Z"],
    ["Tomorrow  09:00", "2026-07-02T07:00:00.000Z"],
    ["tomorrow at noon", "2026-07-02T10:00:00.000Z"],
    ["9am tomorrow", "2026-07-02T07:00:00.000Z"],
    ["wed 15:00", "2026-07-01T13:00:00.000Z"],
    ["wed 08:00", "2026-07-08T06:00:00.000Z"],
    ["wednesday", "2026-07-07T22:00:00.000Z"],
    ["mon 08:00", "2026-07-06T06:00:00.000Z"],
    ["thurs 08:00", "2026-07-02T06:00:00.000Z"],
    ["sunday at 6 pm", "2026-07-05T16:00:00.000Z"],
    ["2026-12-01", "2026-11-30T23:00:00.000Z"],
    ["2026-12-01T12:00:00", "2026-12-01T11:00:00.000Z"],
    ["2026-12-01 12:00", "2026-12-01T11:00:00.000Z"],
    ["2026-12-01 noon", "2026-12-01T11:00:00.000Z"],
    ["2026-12-01T12:00:00Z", "2026-12-01T12:00:00.000Z"],
    ["2026-12-01T12:00:00.250z", "2026-12-01T12:00:00.250Z"],
    ["2026-12-01 12:00 UTC", "2026-12-01T12:00:00.000Z"],
    ["2026-12-01T12:00+05:30", "2026-12-01T06:30:00.000Z"],
    ["2026-12-01T12:00-0800", "2026-12-01T20:00:00.000Z"],
    ["2000-02-29", "2000-02-28T23:00:00.000Z"],
    ["@1790000000", "2026-09-21T14:13:20.000Z"],
    ["@0.5", "1970-01-01T00:00:00.500Z"],
  ])("%s", (text, expected) => expect(read(text)).toBe(expected));

  it.each([
    ["", /empty/],
    ["soon", /none of the known forms/],
    ["1790000000", /bare number/],
    ["120126", /bare number/],
    ["12/01/26", /different orders/],
    ["1.12.2026", /different orders/],
    ["2h", /begins with \+/],
    ["30 minutes", /begins with \+/],
    ["+30", /numbers with units/],
    ["+", /numbers with units/],
    ["+-2h", /numbers with units/],
    ["in a while", /numbers with units/],
    ["+2 fortnights", /"fortnights" is not a unit/],
    ["in 2 months", /differ in length/],
    ["next monday", /different days/],
    ["25:00", /0 to 23/],
    ["24:00", /0 to 23/],
    ["12:60", /0 to 59/],
    ["13pm", /1 to 12/],
    ["0am", /1 to 12/],
    ["9", /none of the known forms/],
    ["mon tue", /none of the known forms/],
    ["mo 08:00", /none of the known forms/],
    ["2026-02-29", /that month has 28 days/],
    ["2026-13-01", /1 to 12/],
    ["2026-12-01T12", /"12" is not a time/],
    ["2026-12-01T12:00+15:00", /offsets/],
    ["2026-12-01+01:00", /no time of day/],
    ["+99999999w", /1970 and 9999/],
    ["1".repeat(101), /too long/],
    ["constructor", /none of the known forms/],
  ])("is not %j", (text, why) => {
    const failure = expectFailure(() => read(text), "usage/invalid", /is not a point in time/, why);
    expect(failure.hint).toBeTruthy();
  });

  it("says how to write what was meant", () => {
    expect(expectFailure(() => read("2h"), "usage/invalid", /./).hint).toBe("write +2h");
    expect(expectFailure(() => read("1790000000"), "usage/invalid", /./).hint).toContain("@1790000000");
  });
});

describe("a point in time when clocks change", () => {
  it.each([
    ["2026-03-29 02:30", "Europe/Berlin", "2026-03-29T01:00:00.000Z"],
    ["2026-10-25 02:30", "Europe/Berlin", "2026-10-25T00:30:00.000Z"],
    ["2026-03-08T02:30", "America/New_York", "2026-03-08T07:00:00.000Z"],
    ["2026-11-01T01:30", "America/New_York", "2026-11-01T05:30:00.000Z"],
    ["2026-10-04 02:15", "Australia/Lord_Howe", "2026-10-03T15:30:00.000Z"],
    ["2026-04-05 01:45", "Australia/Lord_Howe", "2026-04-04T14:45:00.000Z"],
    ["2011-12-30 12:00", "Pacific/Apia", "2011-12-30T10:00:00.000Z"],
    ["2026-07-01 12:00", "Asia/Kolkata", "2026-07-01T06:30:00.000Z"],
  ])("%s in %s", (text, zone, expected) => expect(read(text, zone)).toBe(expected));

  it("is the same time of the next day, though that is 23 hours away", () => {
    const eveMs = Date.parse("2026-03-28T11:00:00Z");
    expect(read("12:00", "Europe/Berlin", eveMs)).toBe("2026-03-29T10:00:00.000Z");
    expect(read("+1d", "Europe/Berlin", eveMs)).toBe("2026-03-29T11:00:00.000Z");
  });

  it("goes to the next day when a time is shown for the second time", () => {
    expect(read("02:30", "Europe/Berlin", Date.parse("2026-10-25T01:10:00Z"))).toBe(
      "2026-10-26T01:30:00.000Z",
    );
  });
});

describe("a moment is shown", () => {
  it.each([
    ["2026-07-01T12:00:00.400Z", "now, 14:00:00"],
    ["2026-07-01T12:00:40Z", "in 40 s, 14:00:40"],
    ["2026-07-01T12:25:00Z", "in 25 min, 14:25"],
    ["2026-07-01T12:59:40Z", "in 1 h, 14:59"],
    ["2026-07-01T14:00:00Z", "in 2 h, 16:00"],
    ["2026-07-01T23:30:00Z", "in 11 h 30 min, 01:30"],
    ["2026-07-01T11:57:00Z", "3 min ago, 13:57"],
    ["2026-07-02T07:00:00Z", "tomorrow 09:00"],
    ["2026-06-30T07:00:00Z", "yesterday 09:00"],
    ["2026-07-06T07:00:00Z", "Mon 09:00"],
    ["2026-07-08T07:00:00Z", "2026-07-08 09:00"],
    ["2026-06-29T07:00:00Z", "2026-06-29 09:00"],
    ["2027-01-01T08:00:00Z", "2027-01-01 09:00"],
  ])("%s", (at, expected) => expect(formatWhen(Date.parse(at), nowMs, "Europe/Berlin")).toBe(expected));

  it("later today", () => {
    expect(formatWhen(Date.parse("2026-07-01T20:00:00Z"), Date.parse("2026-07-01T01:00:00Z"), "UTC")).toBe(
      "today 20:00",
    );
  });

  it.each([
    ["2026-12-01T09:00:00.000Z", "2026-12-01 09:00 UTC"],
    ["2026-12-01T09:00:07.900Z", "2026-12-01 09:00:07 UTC"],
    ["2026-12-01T00:00:00.400Z", "2026-12-01 00:00 UTC"],
  ])("with its zone, where nobody knows the reader's: %s", (at, expected) =>
    expect(formatUtc(Date.parse(at))).toBe(expected),
  );
});
