import { describe, expect, it } from "vitest";
import { checkTimeZone, hostTimeZone, momentOfWall } from "../../src/std/time-zone.ts";
import { expectFailure } from "../runtime/expect-failure.ts";

describe("a time zone", () => {
  it.each([
    "Europe/Berlin",
    "europe/berlin",
    "Asia/Kolkata",
    "America/Argentina/Buenos_Aires",
    "UTC",
    "Etc/GMT+5",
    "CET",
  ])("%s is known", (name) => expect(checkTimeZone(` ${name} `)).toBe(name));

  it.each([
    ["Berlin", /named after a place/, "did you mean Europe/Berlin?"],
    ["new york", /named after a place/, "did you mean America/New_York?"],
    ["Europe/Berln", /named after a place/, "did you mean Europe/Berlin?"],
    ["PST", /abbreviations/, "write it like Europe/Berlin or UTC"],
    ["BST", /abbreviations/, "write it like Europe/Berlin or UTC"],
    ["+02:00", /no summer time/, "write it like Europe/Berlin or UTC"],
    ["GMT+1", /no summer time/, "write it like Europe/Berlin or UTC"],
    ["", /named after a place/, "write it like Europe/Berlin or UTC"],
    ["x".repeat(5000), /named after a place/, "write it like Europe/Berlin or UTC"],
  ])("%s is not", (name, why, hint) => {
    const failure = expectFailure(() => checkTimeZone(name), "usage/invalid", /is not a time zone/, why);
    expect(failure.hint).toBe(hint);
  });

  it("of the host is one that is known", () => expect(checkTimeZone(hostTimeZone())).toBe(hostTimeZone()));
});

describe("a time on the clocks of a zone", () => {
  it.each([
    ["Europe/Berlin", "2026-07-01T12:00Z", "once", "2026-07-01T10:00:00.000Z"],
    ["Europe/Berlin", "2026-03-29T01:59Z", "once", "2026-03-29T00:59:00.000Z"],
    ["Europe/Berlin", "2026-03-29T02:00Z", "gap", "2026-03-29T01:00:00.000Z"],
    ["Europe/Berlin", "2026-03-29T03:00Z", "once", "2026-03-29T01:00:00.000Z"],
    ["Europe/Berlin", "2026-10-25T02:00Z", "twice", "2026-10-25T00:00:00.000Z"],
    ["Europe/Berlin", "2026-10-25T03:00Z", "once", "2026-10-25T02:00:00.000Z"],
    ["Australia/Lord_Howe", "2026-10-04T02:29Z", "gap", "2026-10-03T15:30:00.000Z"],
    ["Australia/Lord_Howe", "2026-04-05T01:30Z", "twice", "2026-04-04T14:30:00.000Z"],
    ["Australia/Lord_Howe", "2026-04-05T02:00Z", "once", "2026-04-04T15:30:00.000Z"],
    ["Pacific/Apia", "2011-12-30T00:00Z", "gap", "2011-12-30T10:00:00.000Z"],
    ["Pacific/Apia", "2011-12-30T23:59Z", "gap", "2011-12-30T10:00:00.000Z"],
    ["Pacific/Apia", "2011-12-31T00:00Z", "once", "2011-12-30T10:00:00.000Z"],
    ["UTC", "1970-01-01T00:00Z", "once", "1970-01-01T00:00:00.000Z"],
  ])("%s %s is shown %s", (zone, shown, kind, at) => {
    expect(momentOfWall(zone, Date.parse(shown))).toEqual({ kind, atMs: Date.parse(at) });
  });
});
