import { describe, expect, test } from "vitest";
import { expectFailure } from "./expect-failure.ts";
import { runtimeFrom } from "./runtime-from.ts";

const spec = { level: "freeze", residueBytes: 2 ** 30, ramBytes: null, timeoutMs: 60_000 };

describe("sleep: freeze", () => {
  test("is short for a map with that level, and fits every protocol whose workers stay", () => {
    expect(runtimeFrom("sleep: freeze").sleep).toEqual(spec);
    expect(runtimeFrom("sleep: { level: freeze, residue: 300MiB, timeout: 2m }").sleep).toEqual({
      ...spec,
      residueBytes: 300 * 2 ** 20,
      timeoutMs: 120_000,
    });
    expect(
      runtimeFrom("protocol: http\nserver: { ready: /a, request: { path: /b } }\ncommand: [x]\nsleep: freeze")
        .sleep,
    ).toEqual(spec);
  });

  test.each([
    ["gpu: { count: 2 }\nsleep: freeze", /one GPU of their own/],
    ["gpu: { count: 1, mode: shared, vram: 1GiB }\nsleep: freeze", /one GPU of their own/],
    ["gpu: { count: 0 }\nsleep: freeze", /there is no VRAM to give back/],
    ["protocol: exec\ncommand: [a]\nsleep: freeze", /end with each job/],
    ["gpu: { vendor: amd }\nsleep: freeze", /AMD's cannot/],
    ["sleep: deep", /must be true, false, freeze or a map/],
    [
      "gpu: { mode: shared, vram: 1GiB, mps: true }\nsleep: true",
      /does not go with gpu.mps: a client of MPS keeps/,
    ],
    ["sleep: { level: 3 }", /must be 1 .* 2 .* or freeze/],
  ])("%j is refused: %s", (yaml, why) => {
    expectFailure(() => runtimeFrom(yaml), "runtime/invalid", /"sleep/, why);
  });
});
