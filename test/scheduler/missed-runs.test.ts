import { describe, expect, it } from "vitest";
import { decideDueRuns, type MissedPolicy } from "../../src/scheduler/missed-runs.ts";
import { parseRecurrence } from "../../src/scheduler/recurrence.ts";

const hourMs = 3_600_000;
const noonMs = Date.parse("2026-07-01T12:00Z");
const hourly = parseRecurrence("@hourly", "UTC", "UTC");
const policies: readonly MissedPolicy[] = ["skip", "once", "all"];

describe("a fire that is on time", () => {
  it.each(policies)("runs under %s", (policy) => {
    expect(decideDueRuns(hourly, policy, noonMs - hourMs, noonMs + 60_000)).toEqual({
      fireAtMs: [noonMs],
      nextAtMs: noonMs + hourMs,
      note: null,
    });
  });

  it.each(policies)("is awaited under %s", (policy) => {
    expect(decideDueRuns(hourly, policy, noonMs - hourMs, noonMs - 1)).toEqual({
      fireAtMs: [],
      nextAtMs: noonMs,
      note: null,
    });
  });
});

describe("missed fires", () => {
  const lateMs = noonMs + 10 * 60_000;
  it.each([
    ["skip", 1, [], "1 run was missed and is skipped"],
    ["once", 1, [0], "1 run was missed; one run makes up for it"],
    ["all", 1, [0], "1 run was missed and is made up for"],
    ["skip", 3, [], "3 runs were missed and are skipped"],
    ["once", 3, [0], "3 runs were missed; one run makes up for them"],
    ["all", 3, [2, 1, 0], "3 runs were missed and are made up for"],
    [
      "all",
      100,
      Array.from({ length: 100 }, (_, ago) => 99 - ago),
      "100 runs were missed and are made up for",
    ],
    ["skip", 500, [], "100 or more runs were missed and are skipped"],
    ["once", 500, [0], "100 or more runs were missed; one run makes up for them"],
    [
      "all",
      500,
      Array.from({ length: 100 }, (_, ago) => 99 - ago),
      "100 or more runs were missed; the newest 100 are made up for, the older ones are skipped",
    ],
  ] as const)("under %s, %d of them", (policy, count, hoursAgo, note) => {
    expect(decideDueRuns(hourly, policy, noonMs - count * hourMs, lateMs)).toEqual({
      fireAtMs: hoursAgo.map((ago) => noonMs - ago * hourMs),
      nextAtMs: noonMs + hourMs,
      note,
    });
  });

  it("are told apart from one that is on time", () => {
    expect(decideDueRuns(hourly, "skip", noonMs - 3 * hourMs, noonMs)).toEqual({
      fireAtMs: [noonMs],
      nextAtMs: noonMs + hourMs,
      note: "2 runs were missed and are skipped",
    });
  });

  it("are found for a schedule that fires seldom", () => {
    const yearly = parseRecurrence("0 0 29 2 *", "UTC", "UTC");
    const { fireAtMs, nextAtMs } = decideDueRuns(yearly, "once", Date.parse("2020-03-01T00:00Z"), noonMs);
    expect(fireAtMs).toEqual([Date.parse("2024-02-29T00:00Z")]);
    expect(nextAtMs).toBe(Date.parse("2028-02-29T00:00Z"));
  });
});

describe("a clock that was set back", () => {
  it.each(policies)("by less than two fires hands out none twice under %s", (policy) => {
    expect(decideDueRuns(hourly, policy, noonMs, noonMs - hourMs / 2)).toEqual({
      fireAtMs: [],
      nextAtMs: noonMs + hourMs,
      note: null,
    });
    const nightly = parseRecurrence("0 3 * * *", "UTC", "UTC");
    const doneMs = noonMs - 9 * hourMs;
    expect(decideDueRuns(nightly, policy, doneMs, doneMs - 20 * hourMs).nextAtMs).toBe(doneMs + 24 * hourMs);
  });

  it.each([1.5, 5, 24, 48, 9_000])(
    "by more lets no schedule stand still: it goes on from now (%d h back) [fault 20]",
    (hours) => {
      const doneMs = noonMs + hours * hourMs;
      expect(decideDueRuns(hourly, "all", doneMs, noonMs)).toMatchObject({
        fireAtMs: [],
        nextAtMs: noonMs + (hours < 2 ? 2 : 1) * hourMs,
      });
    },
  );
});
