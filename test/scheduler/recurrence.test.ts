import { describe, expect, it } from "vitest";
import { missedFires, nextFireMs, parseRecurrence } from "../../src/scheduler/recurrence.ts";
import { expectFailure } from "../runtime/expect-failure.ts";

/** The next `count` fires after an ISO moment, as ISO moments of UTC without seconds. */
function fires(line: string, timeZone: string, after: string, count: number): string[] {
  const recurrence = parseRecurrence(line, timeZone, "UTC");
  const found: string[] = [];
  let atMs: number | null = Date.parse(after);
  while (atMs !== null && found.length < count) {
    atMs = nextFireMs(recurrence, atMs);
    if (atMs !== null) found.push(new Date(atMs).toISOString().slice(0, 16));
  }
  return found;
}

describe("a cron line", () => {
  const after = "2026-07-01T12:00:30.500Z";
  it.each([
    ["* * * * *", ["2026-07-01T12:01", "2026-07-01T12:02"]],
    ["*/20 * * * *", ["2026-07-01T12:20", "2026-07-01T12:40"]],
    ["30 6,18 * * *", ["2026-07-01T18:30", "2026-07-02T06:30"]],
    ["0 9 * * MON-FRI", ["2026-07-02T09:00", "2026-07-03T09:00", "2026-07-06T09:00"]],
    ["0 9 * * 5-7", ["2026-07-03T09:00", "2026-07-04T09:00", "2026-07-05T09:00", "2026-07-10T09:00"]],
    ["0 0 1 jan,JUL ?", ["2027-01-01T00:00", "2027-07-01T00:00"]],
    ["0 0 L * *", ["2026-07-31T00:00", "2026-08-31T00:00", "2026-09-30T00:00"]],
    ["0 0 * * 5L", ["2026-07-31T00:00", "2026-08-28T00:00"]],
    ["0 0 * * MON#1", ["2026-07-06T00:00", "2026-08-03T00:00"]],
    ["0 0 13 * 5", ["2026-07-03T00:00", "2026-07-10T00:00", "2026-07-13T00:00"]],
    ["0 0 29 2 *", ["2028-02-29T00:00", "2032-02-29T00:00"]],
    ["0 0 * 2 MON#5", ["2044-02-29T00:00"]],
    ["@hourly", ["2026-07-01T13:00"]],
    ["@daily", ["2026-07-02T00:00"]],
    ["@midnight", ["2026-07-02T00:00"]],
    ["@weekly", ["2026-07-05T00:00"]],
    ["@monthly", ["2026-08-01T00:00"]],
    ["@Yearly", ["2027-01-01T00:00"]],
    ["@annually", ["2027-01-01T00:00"]],
  ])("%s", (line, expected) => expect(fires(line, "UTC", after, expected.length)).toEqual(expected));

  it("has seconds if it has six fields", () => {
    const recurrence = parseRecurrence("*/30 * * * * *", "UTC", "UTC");
    expect(nextFireMs(recurrence, Date.parse("2026-07-01T12:00:29.999Z"))).toBe(
      Date.parse("2026-07-01T12:00:30Z"),
    );
    expect(nextFireMs(recurrence, Date.parse("2026-07-01T12:00:30Z"))).toBe(
      Date.parse("2026-07-01T12:01:00Z"),
    );
  });

  it("is of the host's zone unless it has its own", () => {
    expect(parseRecurrence("0 3 * * *", null, "Asia/Kolkata").timeZone).toBe("Asia/Kolkata");
    expect(parseRecurrence("0 3 * * *", "Europe/Berlin", "Asia/Kolkata").timeZone).toBe("Europe/Berlin");
  });

  it.each([
    ["0 0 30 2 *", /never fires/, /no month of "2" has a day 30/],
    ["0 0 31 APR,JUN *", /never fires/, /no month of "APR,JUN" has a day 31/],
    ["0 3 * *", /has 4 fields/, /it takes five/],
    ["0 3 * * * * *", /has 7 fields/, /it takes five/],
    ["", /has 0 fields/, /it takes five/],
    ["61 * * * *", /the minute "61"/, /0 to 59/],
    ["* 24 * * *", /the hour "24"/, /0 to 23/],
    ["* * 0 * *", /the day of the month "0"/, /1 to 31/],
    ["* * 15W * *", /the day of the month "15W"/, /1 to 31/],
    ["* * * 13 *", /the month "13"/, /JAN to DEC/],
    ["* * * * 8", /the weekday "8"/, /SUN to SAT/],
    ["* * * * FUN", /the weekday "FUN"/, /SUN to SAT/],
    ["* * * * 1#6", /the weekday "1#6"/, /MON#1/],
    ["60 * * * * *", /the second "60"/, /0 to 59/],
    ["H 3 * * *", /the minute "H"/, /not known/],
    ["H(0-9)/2 3 * * *", /the minute "H\(0-9\)\/2"/, /not known/],
    ["*/90 * * * *", /the minute "\*\/90"/, /more than the 60 values/],
    ["*/0 * * * *", /the minute "\*\/0"/, /steps/],
    ["1,1 * * * *", /the minute "1,1"/, /names 1 twice/],
    ["0 22-3 * * *", /the hour "22-3"/, /22 is more than 3/],
    ["@dialy", /"@dialy"/, /@hourly/],
    ["@every 5m", /"@every 5m"/, /@hourly/],
    ["@toString", /"@toString"/, /@hourly/],
    [`0 0 * * ${"1,".repeat(900)}1`, /too long/, /at most 1000/],
  ])("is refused: %s", (line, message, why) => {
    const failure = expectFailure(() => parseRecurrence(line, "UTC", "UTC"), "usage/invalid", message, why);
    expect(failure.hint).toBeTruthy();
  });

  it("says how to write what was meant", () => {
    const hintOf = (line: string) =>
      expectFailure(() => parseRecurrence(line, "UTC", "UTC"), "usage/invalid", /./).hint;
    expect(hintOf("0 22-3 * * *")).toBe("write it in two parts: 22-23,0-3");
    expect(hintOf("@dialy")).toBe("did you mean @daily?");
  });
});

// The instants are hard-coded from the tz database. In 2026 clocks change
// in Berlin on 29 March (01:00Z) and 25 October (01:00Z), in New York on 8 March (07:00Z) and 1 November (06:00Z),
// on Lord Howe by half an hour on 4 April (15:00Z, back to 01:30) and 3 October (15:30Z, on to 02:30); in Beirut at
// midnight on 28 March (22:00Z) and 24 October (21:00Z, back to 23:00).
describe("when clocks change", () => {
  it.each([
    ["Europe/Berlin", "2026-03-28T12:00Z", ["2026-03-29T01:00", "2026-03-30T00:30"]],
    ["Europe/Berlin", "2026-10-24T12:00Z", ["2026-10-25T00:30", "2026-10-26T01:30"]],
    ["America/New_York", "2026-03-07T12:00Z", ["2026-03-08T07:00", "2026-03-09T06:30"]],
    ["America/New_York", "2026-10-31T12:00Z", ["2026-11-01T07:30", "2026-11-02T07:30"]],
    ["Australia/Lord_Howe", "2026-10-03T00:00Z", ["2026-10-03T15:30", "2026-10-04T15:30"]],
    ["Asia/Kolkata", "2026-03-28T12:00Z", ["2026-03-28T21:00", "2026-03-29T21:00"]],
  ])("02:30 each day, %s after %s", (timeZone, after, expected) => {
    expect(fires("30 2 * * *", timeZone, after, 2)).toEqual(expected);
  });

  it("a time that comes twice fires at the first [fault 20]", () => {
    expect(fires("30 1 * * *", "America/New_York", "2026-10-31T12:00Z", 2)).toEqual([
      "2026-11-01T05:30",
      "2026-11-02T06:30",
    ]);
    expect(fires("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00Z", 2)).toEqual([
      "2026-04-04T14:45",
      "2026-04-05T15:15",
    ]);
  });

  it("the second time is over once it was the first's turn", () => {
    // 02:10 for the second time: what lies between 02:10 and 03:00 has fired an hour ago.
    expect(fires("*/15 2,3 * * *", "Europe/Berlin", "2026-10-25T01:10Z", 1)).toEqual(["2026-10-25T02:00"]);
  });

  it("what lies in one gap fires once together, also with what comes right after it", () => {
    const expected = ["2026-03-29T01:00", "2026-03-29T01:20", "2026-03-29T01:40", "2026-03-30T00:00"];
    expect(fires("*/20 2,3 * * *", "Europe/Berlin", "2026-03-29T00:59Z", 4)).toEqual(expected);
  });

  it("a line of every hour fires each real hour", () => {
    expect(fires("0 * * * *", "Europe/Berlin", "2026-03-28T23:30Z", 3)).toEqual([
      "2026-03-29T00:00",
      "2026-03-29T01:00",
      "2026-03-29T02:00",
    ]);
    expect(fires("30 * * * *", "Europe/Berlin", "2026-10-24T23:45Z", 3)).toEqual([
      "2026-10-25T00:30",
      "2026-10-25T01:30",
      "2026-10-25T02:30",
    ]);
  });

  it("a line of every hour fires whenever clocks show it, where they change by half an hour", () => {
    expect(fires("0 * * * *", "Australia/Lord_Howe", "2026-10-03T13:45Z", 3)).toEqual([
      "2026-10-03T14:30",
      "2026-10-03T16:00",
      "2026-10-03T17:00",
    ]);
    expect(fires("30 * * * *", "Australia/Lord_Howe", "2026-04-04T14:00Z", 3)).toEqual([
      "2026-04-04T14:30",
      "2026-04-04T15:00",
      "2026-04-04T16:00",
    ]);
  });

  it("a day that begins with a gap begins after it, and an hour of its eve may come twice", () => {
    expect(fires("@daily", "Asia/Beirut", "2026-03-28T12:00Z", 2)).toEqual([
      "2026-03-28T22:00",
      "2026-03-29T21:00",
    ]);
    expect(fires("0 * 24 10 *", "Asia/Beirut", "2026-10-24T19:30Z", 3)).toEqual([
      "2026-10-24T20:00",
      "2026-10-24T21:00",
      "2027-10-23T21:00",
    ]);
  });
});

describe("missed fires", () => {
  const untilMs = Date.parse("2026-07-01T12:00Z");

  it("include the end and not the beginning", () => {
    const hourly = parseRecurrence("@hourly", "UTC", "UTC");
    expect(missedFires(hourly, untilMs - 2 * 3_600_000, untilMs, 10)).toEqual({
      newestMs: [untilMs - 3_600_000, untilMs],
      isCut: false,
    });
    expect(missedFires(hourly, untilMs, untilMs, 10)).toEqual({ newestMs: [], isCut: false });
  });

  it.each([
    ["* * * * * *", untilMs, 1000],
    // All fires of a year in one hour, which no span that is doubled meets well.
    ["* * 3 1 1 *", Date.parse("2026-01-01T03:59:59Z"), 1000],
    ["0 * * * *", untilMs, 3_600_000],
  ])(
    "of %s over years are the newest, found without going through all",
    (line, lastMs, everyMs) => {
      const recurrence = parseRecurrence(line, "UTC", "UTC");
      const { newestMs, isCut } = missedFires(recurrence, Date.parse("2000-01-01T00:00Z"), untilMs, 50);
      expect(newestMs).toEqual(Array.from({ length: 50 }, (_, index) => lastMs - (49 - index) * everyMs));
      expect(isCut).toBe(true);
    },
    5_000,
  );
});
