import { expect, it } from "vitest";
import { homeLoad, isHomeLane } from "../../src/runtime/home-load.ts";
import { laneOf } from "../../src/runtime/lane.ts";
import { runtimeFrom } from "./runtime-from.ts";

const params = (text: string): string => `replicas: { min: 1 }\nparams:\n  prompt: { type: string }\n${text}`;

it.each([
  ["no load params", params(""), {}],
  ["a default", params("  model: { type: string, default: small, load: true }\n"), { model: "small" }],
  ["one that may be left out", params("  model: { type: string, load: true }\n"), {}],
  ["one that has to be given", params("  model: { type: string, required: true, load: true }\n"), null],
  ["no replicas to keep", "params:\n  prompt: { type: string }\n", null],
])("a runtime with %s", (_name, yaml, load) => {
  expect(homeLoad(runtimeFrom(yaml))).toEqual(load);
});

it("keeps workers of the lane with the defaults only", () => {
  const runtime = runtimeFrom(params("  model: { type: string, default: small, load: true }\n"));
  expect(isHomeLane(runtime, laneOf(runtime, { model: "small", prompt: "x" }))).toBe(true);
  expect(isHomeLane(runtime, laneOf(runtime, { model: "large" }))).toBe(false);
});
