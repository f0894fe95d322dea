import { describe, expect, test } from "vitest";
import { writeJson } from "../../../src/daemon/http/write-json.ts";

const list = (count: number) => Array.from({ length: count }, (_, index) => ({ index, text: "é\n" }));

describe("JSON in pieces", () => {
  test.each([
    { jobs: list(1_000), total: 5, none: undefined },
    { jobs: list(101) },
    { total: 1, jobs: list(250), others: list(300) },
    { jobs: list(100) },
    { jobs: [] },
    {},
    [1, 2, 3],
    list(500),
    "text",
    null,
    5,
  ])("is what JSON.stringify gives: %#", async (body) => {
    const text = Buffer.concat([...(await writeJson(body))]).toString();
    expect(text.endsWith("\n")).toBe(true);
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(body)));
  });

  test("of a long list is several pieces, of which none is long", async () => {
    const pieces = await writeJson({ jobs: list(10_000) });
    expect(pieces.length).toBeGreaterThan(50);
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(10_000);
  });
});
