import { expect, test } from "vitest";
import type { GpuSample, SampledGpu } from "../../src/gpu/sample.ts";
import type { Context } from "../../src/operations/context.ts";
import { viewJob } from "../../src/operations/job-view.ts";
import type { JobRow } from "../../src/store/queries.ts";
import { Bench, GIB, model } from "../kit/scheduler.ts";

/** The driver's word about GPU 0, on which somebody's python holds 20 GiB; only drivers can tell it for real. */
function sampleOf(processes: SampledGpu["processes"]): GpuSample {
  const reading = { uuid: "GPU-0", index: 0 } as SampledGpu["reading"];
  return {
    atMs: 1,
    workerBytes: new Map(),
    stale: null,
    gpus: [{ reading, foreignBytes: 20 * GIB, processes }],
  };
}

const python = {
  pid: 4242,
  name: "python",
  user: "alice",
  uid: 1000,
  startedAtMs: 1_000_000 - 60_000,
  vramBytes: 20 * GIB,
  workerId: null,
  unknown: null,
};

test("a job that programs outside keep from its GPU says which ones", () => {
  const bench = new Bench({ gpus: [{ foreignBytes: 20 * GIB }] });
  const id = bench.submit(model("sdxl"));
  const reasonWith = (processes: SampledGpu["processes"]) => {
    const context: Partial<Context> = {
      state: () => bench.state,
      clock: { nowMs: () => bench.nowMs, monotonicMs: () => 0 },
      progressOf: () => null,
      mayRead: () => true,
      latestSample: () => sampleOf(processes),
      host: { instance: "test" } as Context["host"],
    };
    const row = {
      id,
      finishedAtMs: null,
      startedAtMs: null,
      submittedAtMs: 0,
      workerId: null,
      artifacts: null,
    };
    return viewJob(context as Context, row as unknown as JobRow).reason;
  };
  const text = 'programs outside orch hold too much memory on GPU 0; "orch gpus" names them';
  expect(reasonWith([python as never])).toEqual({
    code: "gpu-foreign",
    text: `${text}: python (pid 4242, alice) holds 20 GiB for 1m 00s`,
  });
  expect(reasonWith(null)?.text).toBe(`${text}: 20 GiB is held by programs that the driver does not name`);
});
