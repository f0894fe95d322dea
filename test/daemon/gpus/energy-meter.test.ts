import { expect, it } from "vitest";
import { createEnergyMeter } from "../../../src/daemon/gpus/energy-meter.ts";
import type { SampledGpu } from "../../../src/gpu/sample.ts";
import { Bench, model, sharer } from "../../kit/scheduler.ts";

/** A meter of a scheduler's jobs, and a look at its GPUs whose power is given. */
function metered(bench: Bench) {
  const meter = createEnergyMeter(() => bench.state);
  const look = (atMs: number, ...watts: (number | null)[]): void =>
    meter.note({
      atMs,
      gpus: watts.map((powerWatts, index) => ({
        reading: { uuid: `GPU-${index}`, powerWatts },
      })) as unknown as SampledGpu[],
    });
  return { meter, look };
}

it("counts power times time of the GPUs that a job holds, while it runs", () => {
  const bench = new Bench({ gpus: [{}, {}] });
  const { meter, look } = metered(bench);
  const job = bench.submit(model("sdxl"));
  look(0, 50, 50);
  look(10_000, 50, 50);
  expect(meter.of(job), "it only starts").toBeNull();
  bench.ready(1);
  look(12_000, 100, 400);
  look(14_000, 300, 400);
  const [lease] = bench.worker(1).leases;
  expect(lease?.gpu.uuid).toBe("GPU-0");
  // The mean of both ends: 75 W for 2 s, 200 W for 2 s.
  expect(meter.of(job)).toBe(150 + 400);
  look(60_000, 300, 400);
  expect(meter.of(job), "nobody looked in between").toBe(550);
  look(61_000, null, 400);
  look(62_000, 300, 400);
  expect(meter.of(job), "the driver did not tell").toBe(550);
  meter.forget([{ job: { id: job } }]);
  expect(meter.of(job)).toBeNull();
});

it("divides a shared GPU by the sizes of the leases, and a worker's part among its jobs", () => {
  const bench = new Bench();
  const { meter, look } = metered(bench);
  const large = sharer("large", 12, { slots: 2 });
  const jobs = [bench.submit(large), bench.submit(large), bench.submit(sharer("small", 4))];
  for (const worker of bench.state.workers.keys()) bench.ready(worker);
  expect(jobs.map((job) => bench.stateOf(job))).toEqual(["running", "running", "running"]);
  look(0, 80);
  look(1_000, 80);
  expect(jobs.map((job) => meter.of(job))).toEqual([30, 30, 20]);
});
