import { describe, expect, it } from "vitest";
import { atOnce as runAtOnce } from "../../src/std/give-way.ts";
import { parseNumberRanges as parseInSteps } from "../../src/std/number-ranges.ts";
import { expectFailure } from "../runtime/expect-failure.ts";

const parseNumberRanges = (text: string) => runAtOnce(parseInSteps(text));

describe("ranges of numbers", () => {
  it.each([
    ["7", [7], null],
    ["0-3", [0, 1, 2, 3], null],
    ["0,3,7", [0, 3, 7], null],
    ["7,3", [7, 3], null],
    ["1-9:2", [1, 3, 5, 7, 9], null],
    ["1-8:3", [1, 4, 7], null],
    ["5-5", [5], null],
    [" 0-1, 10 - 12 : 2 % 4 ", [0, 1, 10, 12], 4],
    ["0-3%100", [0, 1, 2, 3], 100],
    ["9007199254740991", [9007199254740991], null],
  ])("%s", (text, numbers, atOnce) => expect(parseNumberRanges(text)).toEqual({ numbers, atOnce }));

  it.each([
    ["", /a number is missing/, /write it like/],
    ["1,,2", /a number is missing/, /write it like/],
    ["1-", /"1-" is neither/, /write it like/],
    ["1-2-3", /"1-2-3" is neither/, /write it like/],
    ["-1", /start at 0/, /write it like/],
    ["1.5", /"1.5" is neither/, /write it like/],
    ["1e3", /"1e3" is neither/, /write it like/],
    ["3:2", /"3:2" is neither/, /write it like/],
    ["9-1", /9 is more than 1/, /write 1-9/],
    ["1-9:0", /never end/, /write 1-9:1/],
    ["007", /zeros/, /write 7 for 007/],
    ["0-9%", /how many may run at once/, /write it like/],
    ["0-9%0", /none would ever run/, /write %1/],
    ["0-9%2%3", /more than one %/, /write it like/],
    ["0-4,3", /names 3 twice/, /take 3 out of 3/],
    ["9007199254740992", /too large/, /write it like/],
  ])("not %j", (text, why, hint) => {
    const failure = expectFailure(
      () => parseNumberRanges(text),
      "usage/invalid",
      /not a list of numbers/,
      why,
    );
    expect(failure.hint).toMatch(hint);
  });

  it("are at most 100,000, and refused before they are built", () => {
    expect(parseNumberRanges("1-100000").numbers).toHaveLength(100_000);
    const tooMany = /names 100,001 numbers/;
    expectFailure(() => parseNumberRanges("0-100000"), "usage/invalid", tooMany, /at most 100,000/);
    expectFailure(
      () => parseNumberRanges("0-9007199254740990,1-3"),
      "usage/invalid",
      /names 9,007,199,254,740,99\d/,
    );
  });
});
