import { expect, it } from "vitest";
import { createMeasurer } from "../../../src/daemon/gpus/measure.ts";
import { createSampler } from "../../../src/gpu/sampler.ts";
import { createVirtualProbe } from "../../../src/gpu/virtual/virtual.ts";
import type { Worker } from "../../../src/scheduler/model.ts";
import { systemClock } from "../../../src/std/clock.ts";

const onGpu = { leases: [{}] } as unknown as Worker;
const withoutGpu = { leases: [] } as unknown as Worker;

it("looks once a second however often jobs end, and not for workers without a GPU", async () => {
  let nowMs = 0;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const sampler = createSampler({
    probe: createVirtualProbe("virtual:1x24GiB"),
    clock: systemClock,
    onChange: () => {},
    isOurs: () => null,
    workersOn: () => [],
  });
  let looks = 0;
  const counting = {
    sampleNow: (options?: { readonly processes?: boolean }) => {
      looks += 1;
      return sampler.sampleNow(options);
    },
  };
  const measure = createMeasurer(counting, { probeKind: "virtual", clock });
  measure(withoutGpu);
  expect(looks).toBe(0);
  for (let job = 0; job < 1_000; job++) measure(onGpu);
  expect(looks).toBe(1);
  nowMs = 1_000;
  measure(onGpu);
  expect(looks).toBe(2);
  await sampler.sampleNow();
});
