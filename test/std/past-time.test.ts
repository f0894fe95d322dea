import { expect, it } from "vitest";
import { parsePast } from "../../src/std/past-time.ts";

// A Friday.
const nowMs = Date.parse("2026-01-02T12:00:00Z");

it.each([
  ["10m", "2026-01-02T11:50:00Z"],
  ["1h30m", "2026-01-02T10:30:00Z"],
  ["2h ago", "2026-01-02T10:00:00Z"],
  ["1w", "2025-12-26T12:00:00Z"],
  ["1w2d", "2025-12-24T12:00:00Z"],
  ["now", "2026-01-02T12:00:00Z"],
  ["09:00", "2026-01-02T08:00:00Z"],
  ["14:30", "2026-01-01T13:30:00Z"],
  ["9am", "2026-01-02T08:00:00Z"],
  ["noon", "2026-01-02T11:00:00Z"],
  ["mon 08:00", "2025-12-29T07:00:00Z"],
  ["friday 09:00", "2026-01-02T08:00:00Z"],
  ["today", "2026-01-01T23:00:00Z"],
  ["yesterday", "2025-12-31T23:00:00Z"],
  ["Yesterday 09:00", "2026-01-01T08:00:00Z"],
  ["2025-12-24", "2025-12-23T23:00:00Z"],
  ["2025-12-24T18:00:00Z", "2025-12-24T18:00:00Z"],
  ["+1h", "2026-01-02T13:00:00Z"],
])("%s in Berlin is %s", (text, expected) => {
  expect(new Date(parsePast(text, nowMs, "Europe/Berlin")).toISOString()).toBe(
    expected.replace("Z", ".000Z"),
  );
});

it.each(["soon", "", "ago", "2x", "yesterdai"])("%j is refused", (text) => {
  expect(() => parsePast(text, nowMs, "UTC")).toThrow(/is not a point in time/);
});
