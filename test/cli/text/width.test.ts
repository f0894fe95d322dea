import { describe, expect, it } from "vitest";
import { layOut } from "../../../src/cli/text/table.ts";
import { oneLine, truncate, widthOf } from "../../../src/cli/text/width.ts";
import { createRng } from "../../../src/std/rng.ts";

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
  expect(oneLine("run \u202egnp.exe\u202c \u2067x\u2069")).toBe("run gnp.exe x");
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

  it("never breaks a line, keeps the most important column, and cuts texts before it drops columns", () => {
    const rng = createRng(11);
    const words = ["a", "漢字漢字漢字", "a long text with 🦊 in it", "x".repeat(70), "e\u0301e\u0301", ""];
    for (let round = 0; round < 400; round++) {
      const made = Array.from({ length: 1 + rng.below(9) }, (_, index) => ({
        title: `C${index}`,
        value: () => rng.pick(words),
        align: rng.pick(["left", "right"] as const),
        shrinks: rng.chance(0.5),
        rank: index === 0 ? 9 : rng.below(5),
      }));
      const limit = 1 + rng.below(120);
      const lines = layOut([1, 2, 3], made, limit, plain);
      expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(limit);
      if (limit >= 2) expect(lines[0]).toContain("C0");
    }
    const text = { title: "TEXT", value: () => "0123456789abcdef", shrinks: true, rank: 2 };
    const id = { title: "ID", value: () => 7, rank: 3 };
    const by = { title: "BY", value: () => "ada", rank: 1 };
    const at = (limit: number): string | undefined => layOut([1], [id, text, by], limit, plain)[1];
    expect([at(40), at(22), at(19), at(18), at(14), at(13), at(1)]).toEqual([
      "7   0123456789abcdef  ada",
      "7   0123456789ab…  ada",
      "7   012345678…  ada",
      "7   0123456789abc…",
      "7   012345678…",
      "7",
      "7",
    ]);
  });
});
