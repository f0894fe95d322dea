import { describe, expect, it } from "vitest";
import { rowOfGpu } from "../../src/scheduler/rows.ts";
import { Bench, command, GIB, model } from "../kit/scheduler.ts";

const amd = { vendor: "amd" } as const;
const nvidia = { vendor: "nvidia" } as const;
const instance = { ...nvidia, parent: "GPU-board", totalBytes: 10 * GIB };

/** The indices of the GPUs that the job was given, or why it was refused. */
function place(bench: Bench, wish: Parameters<typeof command>[1]): readonly number[] | string {
  const { gpuCount = 1 } = wish ?? {};
  const reply = bench.ask({
    type: "start-worker",
    lane: command("wish", { gpuCount, residency: "resident", ...wish }),
    gpu: null,
    evict: false,
  });
  if (!reply.ok) return reply.message;
  const worker = bench.worker(bench.state.nextWorkerId - 1);
  return worker.leases.map(({ gpu }) => gpu.index).sort();
}

describe("GPUs of several kinds", () => {
  it("a lane with a vendor is placed on that vendor's GPUs only", () => {
    const bench = new Bench({ gpus: [nvidia, amd] });
    expect(place(bench, { key: "a", gpuVendor: "amd" })).toEqual([1]);
    const next = new Bench({ gpus: [nvidia, amd] });
    expect(place(next, { gpuVendor: "nvidia" })).toEqual([0]);
  });

  it("is refused where the host has none of that vendor, and says what there is", () => {
    const bench = new Bench({ gpus: [nvidia] });
    expect(place(bench, { gpuVendor: "amd" })).toMatch(/needs a GPU of AMD; this host has GPU 0 with/);
  });

  it("GPUs on paper suit every vendor", () => {
    expect(place(new Bench({ gpus: [{}] }), { gpuVendor: "amd" })).toEqual([0]);
  });

  it("a job on two GPUs gets them of one vendor, the one that has them free", () => {
    expect(place(new Bench({ gpus: [nvidia, amd, amd] }), { gpuCount: 2 })).toEqual([1, 2]);
    expect(place(new Bench({ gpus: [nvidia, amd, nvidia, amd] }), { gpuCount: 2 })).toEqual([0, 2]);
    expect(place(new Bench({ gpus: [nvidia, amd] }), { gpuCount: 2 })).toMatch(/2 GPUs of one vendor/);
  });

  it("a GPU that was asked for by name needs enough of its kind beside it", () => {
    const bench = new Bench({ gpus: [nvidia, nvidia, amd] });
    const ask = (gpu: string) =>
      bench.ask({ type: "start-worker", lane: model("pair", { gpuCount: 2 }), gpu, evict: false });
    expect(ask("GPU-2")).toMatchObject({
      code: "gpu/too-many",
      message: "pair needs 2 GPUs like GPU 2; this host has GPU 2 with 24 GiB",
    });
    expect(ask("GPU-1")).toMatchObject({ ok: true });
  });

  it("a restart does not forget the vendor: a job is refused before the driver has answered, too", () => {
    const bench = new Bench({ gpus: [nvidia] });
    const [gpu] = bench.state.gpus.values();
    expect(gpu && rowOfGpu(gpu)).toMatchObject({ vendor: "nvidia", parent: null });
    bench.seeGpus([{ ...nvidia, parent: "GPU-board" }]);
    expect([...bench.last.changes.gpus].map(({ parent }) => parent)).toEqual(["GPU-board"]);
  });

  it("MIG instances are never taken together, and serve those who ask for one", () => {
    const mixed = [instance, instance, nvidia, nvidia];
    expect(place(new Bench({ gpus: mixed }), { gpuCount: 2 })).toEqual([2, 3]);
    expect(place(new Bench({ gpus: [instance, instance] }), { gpuCount: 2 })).toMatch(
      /a program uses one MIG instance at most/,
    );
    expect(place(new Bench({ gpus: [instance] }), { vramBytes: 8 * GIB })).toEqual([0]);
  });
});
