import { describe, expect, it } from "vitest";
import { atOnce } from "../../src/std/give-way.ts";
import { expandSweep as expandInSteps } from "../../src/std/sweep.ts";
import { expectFailure } from "../runtime/expect-failure.ts";

/** All combinations, in order. */
function expandSweep(assignments: readonly string[]) {
  const { count, at } = atOnce(expandInSteps(assignments));
  return Array.from({ length: count }, (_, index) => at(index));
}

/** The values of one param, in order. */
function values(text: string): unknown[] {
  return expandSweep([`p=${text}`]).map((row) => row["p"]);
}

describe("a sweep", () => {
  it("gives all combinations, the last param varying fastest", () => {
    expect(expandSweep(["steps=20,30", "seed=1..3"])).toEqual([
      { steps: "20", seed: "1" },
      { steps: "20", seed: "2" },
      { steps: "20", seed: "3" },
      { steps: "30", seed: "1" },
      { steps: "30", seed: "2" },
      { steps: "30", seed: "3" },
    ]);
    expect(Object.keys(expandSweep(["b=1", "a=2"])[0] ?? {})).toEqual(["b", "a"]);
  });

  it("takes long text as it is", () => {
    for (const long of [".".repeat(100_000), `a${" ".repeat(100_000)}b`, "9".repeat(1000)]) {
      expect(values(long)).toEqual([long]);
    }
  }, 2_000);

  it("of nothing is one combination", () => expect(expandSweep([])).toEqual([{}]));

  it("takes any name", () => {
    expect(expandSweep(["__proto__=1"]).map((row) => Object.keys(row))).toEqual([["__proto__"]]);
  });

  it.each([
    ["20", ["20"]],
    ["a cat, a dog ", ["a cat", "a dog"]],
    ["007,1e3", ["007", "1e3"]],
    ["a=b,c", ["a=b", "c"]],
    ["1..3", ["1", "2", "3"]],
    ["1..10:4", ["1", "5", "9"]],
    ["-1..1", ["-1", "0", "1"]],
    ["3..3", ["3"]],
    ["1..2,7,10..11", ["1", "2", "7", "10", "11"]],
    ["0.1..0.5:0.1", ["0.1", "0.2", "0.3", "0.4", "0.5"]],
    ["-0.2..0.2:0.1", ["-0.2", "-0.1", "0", "0.1", "0.2"]],
    [".5..1.5:.25", ["0.5", "0.75", "1", "1.25", "1.5"]],
    ["1e-4..3e-4:1e-4", ["0.0001", "0.0002", "0.0003"]],
    ["1e3..3e3:1e3", ["1000", "2000", "3000"]],
    ["9007199254740993..9007199254740994", ["9007199254740993", "9007199254740994"]],
    ['"a, b",c', ["a, b", "c"]],
    ['"1..3" , ""', ["1..3", ""]],
    ['"say \\"hi\\"\\n"', ['say "hi"\n']],
    ['a 5" nail,b', ['a 5" nail', "b"]],
    ['[1, "two, three", true, 1.50]', [1, "two, three", true, 1.5]],
    ["../a.png,..,a..b,wait...", ["../a.png", "..", "a..b", "wait..."]],
    ["1,1", ["1", "1"]],
  ])("of p=%s", (text, expected) => expect(values(text)).toEqual(expected));

  it.each([
    ["", /no values/],
    ["[]", /list is empty/],
    ["[1,2", /no JSON list/],
    ["[cat]", /no JSON list/],
    ["[1,[2]]", /element 2/],
    ["[null]", /element 1/],
    ["a,,b", /missing beside a comma/],
    ["a,", /missing beside a comma/],
    [",a", /missing beside a comma/],
    ['"a,b', /quote is not closed/],
    ['"a"b', /comma is missing/],
    ['"\\x"', /not text in JSON/],
    ["5..1", /5 is more than 1/],
    ["0.5..0.1:0.1", /0.5 is more than 0.1/],
    ["1..5:0", /more than 0/],
    ["5..1:-1", /more than 0/],
    ["0.1..0.5", /without a step/],
    ["1..", /not a range/],
    ["..5", /not a range/],
    ["1...5", /not a range/],
    ["1..5:", /not a range/],
    ["1..2..3", /not a range/],
    ["1e-99..1:1", /more than 30 decimals/],
  ])("not of p=%s", (text, why) => {
    const failure = expectFailure(() => values(text), "param/invalid", /the values of "p"/, why);
    expect(failure.hint).toBeTruthy();
  });

  it.each([["steps"], ["=1"], ["a b=1"], [""]])("not of %j, which names nothing", (assignment) => {
    expectFailure(
      () => expandSweep([assignment]),
      "usage/invalid",
      /does not say what to sweep over/,
      /name of a param/,
    );
  });

  it("names each param once", () => {
    expectFailure(() => expandSweep(["a=1", "b=2", "a=3"]), "usage/invalid", /names "a" twice/);
  });

  it("that is too large is refused with its numbers, before it is built", () => {
    const message = /^steps \(2\) × seed \(5,000,000\) = 10,000,000 jobs; at most 100,000$/;
    expectFailure(() => expandSweep(["steps=20,30", "seed=1..5000000"]), "usage/invalid", message);
    const huge = ["a=1..9007199254740991", "b=1..9007199254740991"];
    expectFailure(
      () => expandSweep(huge),
      "usage/invalid",
      /= 81,129,638,414,606,663,681,390,495,662,081 jobs/,
    );
    expectFailure(() => expandSweep(["a=0..1e60"]), "usage/invalid", /jobs; at most/);
    expect(expandSweep(["a=1..100000"])).toHaveLength(100_000);
  });
});
