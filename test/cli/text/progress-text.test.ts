import { expect, it } from "vitest";
import { bar, createRate } from "../../../src/cli/text/progress-text.ts";

it("a bar stays within its ends", () => {
  expect(bar(0)).toBe("[--------------------]   0%");
  expect(bar(0.999)).toBe("[####################]  99%");
  expect(bar(7)).toBe("[####################] 100%");
  expect(bar(-1)).toBe("[--------------------]   0%");
});

it("a rate is told once there is something to tell, from the last half minute", () => {
  const rate = createRate();
  rate.note(0, "step 0/100", 0);
  expect(rate.text()).toBe("");
  rate.note(0.01, "step 1/100", 100);
  expect(rate.text(), "too short a time").toBe("");
  rate.note(0.1, "step 10/100", 20_000);
  expect(rate.text()).toBe(", 2.0 s each, 3m 00s left");
  rate.note(0.5, "step 50/100", 40_000);
  // Since 20 s, when 10 were done: the slow beginning has gone by.
  expect(rate.text()).toBe(", 2.0/s, 25 s left");
});

it("a rate begins anew when the work does, and does without steps", () => {
  const rate = createRate();
  rate.note(0.9, null, 0);
  rate.note(0.1, null, 10_000);
  expect(rate.text()).toBe("");
  rate.note(0.6, "almost", 15_000);
  expect(rate.text()).toBe(", 4.0 s left");
  rate.note(0.6, "still", 16_000);
  expect(rate.text()).toBe(", 4.8 s left");
});
