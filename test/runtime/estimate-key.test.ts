import { describe, expect, it } from "vitest";
import { estimateKeyOf } from "../../src/runtime/estimate-key.ts";
import { parseRuntime } from "../../src/runtime/parse.ts";

const parse = (estimateBy: string) =>
  parseRuntime(
    `name: draw
estimateBy: ${estimateBy}
params:
  steps: { type: integer, default: 30 }
  size: { type: string, choices: [small, large], default: small }
  prompt: { type: string }
`,
    { dir: "/runtimes/draw", origin: "project" },
  );

describe("the group that a job's run time is learned by", () => {
  const runtime = parse("[steps, size]");
  const key = (steps: number, size = "small") => estimateKeyOf(runtime, { steps, size, prompt: "a fox" });

  it("is that of its runtime where no param is named", () => {
    expect(estimateKeyOf(parse("[]"), { steps: 30 })).toBeNull();
  });

  it("holds numbers that are alike, and tells apart those that are not", () => {
    expect(key(30)).toBe("draw?steps=~32&size=small");
    expect(key(33)).toBe(key(30));
    expect(new Set([key(8), key(15), key(30), key(60), key(0), key(-30)]).size).toBe(6);
    expect(key(30, "large")).not.toBe(key(30));
    expect(estimateKeyOf(runtime, {})).toBe("draw?steps=&size=");
  });

  it("is bounded, whatever numbers come", () => {
    const keys = new Set(Array.from({ length: 100_000 }, (_, steps) => key(steps)));
    expect(keys.size).toBeLessThan(40);
  });

  it.each([
    ["[stepz]", 'no param "stepz"; did you mean "steps"?'],
    ["[prompt]", '"prompt" is text without choices: each job would be a group'],
  ])("cannot be made of %s", (estimateBy, why) => {
    expect(() => parse(estimateBy)).toThrow(expect.objectContaining({ code: "runtime/invalid", why }));
  });
});
