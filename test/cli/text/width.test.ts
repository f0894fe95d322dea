import { describe, expect, it } from "vitest";
import { layOut } from "../../../src/cli/text/table.ts";
import { oneLine, truncate, widthOf } from "../../../src/cli/text/width.ts";

describe("widthOf", () => {
  it.each([
    ["abc", 3],
    ["über", 4],
    ["漢字", 4],
    ["한글", 4],
    ["🦊 fox", 6],
    ["e\u0301", 1],
    ["a\u200bb", 2],
    ["", 0],
  ])("%j takes %i columns", (text, columns) => {
    expect(widthOf(text)).toBe(columns);
  });
});

describe("truncate", () => {
  it.each([
    ["abcdef", 6, "abcdef"],
    ["abcdef", 5, "abcd…"],
    ["漢字漢字", 5, "漢字…"],
    ["漢字漢字", 4, "漢…"],
    ["abc", 1, "…"],
    ["abc", 0, ""],
  ])("%j in %i columns is %j", (text, columns, expected) => {
    expect(truncate(text, columns)).toBe(expected);
    expect(widthOf(truncate(text, columns))).toBeLessThanOrEqual(columns);
  });
});

it("oneLine leaves nothing that steers a terminal", () => {
  expect(oneLine(" a\n\tb\u001b[2Jc\u0007\u009b ")).toBe("a b�[2Jc��");
});

describe("layOut", () => {
  const columns = [
    { title: "ID", value: (row: { id: number }) => row.id, align: "right" as const },
    { title: "WHAT", value: (row: { what: string | null }) => row.what },
    { title: "END", value: () => "." },
  ];
  const plain = (_colour: unknown, text: string): string => text;

  it("aligns wide text by its width", () => {
    const rows = [
      { id: 1, what: "漢字" },
      { id: 10, what: null },
    ];
    expect(layOut(rows, columns, Number.POSITIVE_INFINITY, plain)).toEqual([
      "ID  WHAT  END",
      " 1  漢字  .",
      "10  -     .",
    ]);
  });

  it("cuts lines to the limit", () => {
    for (let limit = 1; limit < 30; limit++) {
      for (const line of layOut([{ id: 1, what: "漢字 and more" }], columns, limit, plain)) {
        expect(widthOf(line)).toBeLessThanOrEqual(limit);
      }
    }
  });
});
