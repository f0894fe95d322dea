import { describe, expect, it } from "vitest";
import type { SeenGpu } from "../../src/scheduler/events.ts";
import { pendingEffects, restore } from "../../src/scheduler/restore.ts";
import { rowsOf } from "../../src/scheduler/rows.ts";
import { Bench, command, model } from "../kit/scheduler.ts";

const lost: Partial<SeenGpu> = { healthy: false, fault: { code: "lost", text: "GPU is lost" } };
const why = (bench: Bench, uuid: string) => bench.state.gpus.get(uuid)?.quarantine?.code ?? null;

describe("a GPU in quarantine", () => {
  it("[fault 35] is the one that is lost; the others go on, and it stays out until a person clears it", () => {
    const bench = new Bench({ gpus: [lost, {}] });
    expect(why(bench, "GPU-0")).toBe("lost");
    const id = bench.submit(command());
    expect(bench.worker(1).leases.map(({ gpu }) => gpu.uuid)).toEqual(["GPU-1"]);
    bench.submit(command());
    bench.seeGpus([{}, {}]);
    expect(bench.effects).toEqual([]);
    expect(bench.ask({ type: "clear-gpu", gpu: "GPU-1" })).toMatchObject({ ok: false, code: "gpu/state" });
    expect(bench.ask({ type: "clear-gpu", gpu: "GPU-9" })).toMatchObject({ ok: false, code: "gpu/unknown" });
    expect(bench.ask({ type: "clear-gpu", gpu: "GPU-0" })).toMatchObject({ ok: true });
    expect(bench.effects).toEqual(["start 2"]);
    expect(bench.stateOf(id)).toBe("starting");
  });

  it("is still one after a restart, and while the driver does not show it", () => {
    const bench = new Bench({ gpus: [lost, {}] });
    bench.seeGpus([{ uuid: "GPU-1", index: 0 }]);
    expect(why(bench, "GPU-0")).toBe("lost");
    const again = restore(bench.state.policy, rowsOf(bench.state));
    expect(again.gpus.get("GPU-0")?.quarantine?.code).toBe("lost");
    expect(pendingEffects(again)).toEqual([]);
  });

  it("[fault 35] gives a job that fails on it another try", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    const id = bench.submit(model("sdxl"));
    bench.ready(1);
    bench.seeGpus([lost, {}]);
    expect(bench.worker(1).phase.state).toBe("draining");
    bench.end(id, "failed");
    expect(bench.stateOf(id)).toBe("held");
    bench.exit(1);
    bench.pass(1_000);
    expect(bench.worker(2).leases[0]?.gpu.uuid).toBe("GPU-1");
  });

  it("[fault 33] is one whose memory twice did not come free though nobody is seen to hold it", () => {
    const bench = new Bench();
    bench.submit(command());
    const cause = { type: "worker-start-failed", cause: "memory", message: "70 GiB held by nobody" } as const;
    bench.send({ ...cause, workerId: 1 });
    bench.pass(1_000);
    bench.send({ ...cause, workerId: 2, stuckGpus: ["GPU-0"] });
    expect(why(bench, "GPU-0")).toBe(null);
    bench.pass(4_000);
    bench.send({ ...cause, workerId: 3, stuckGpus: ["GPU-0"] });
    expect(why(bench, "GPU-0")).toBe("memory");
    expect(bench.last.changes.log.map(({ type }) => type)).toContain("gpu-quarantined");
  });

  it("[fault 33] is not one whose memory came free in between", () => {
    const bench = new Bench();
    const cause = { type: "worker-start-failed", cause: "memory", message: "held by nobody" } as const;
    bench.submit(command());
    bench.send({ ...cause, workerId: 1, stuckGpus: ["GPU-0"] });
    bench.pass(4_000);
    bench.ready(2);
    bench.exit(2);
    bench.submit(command());
    bench.send({ ...cause, workerId: 3, stuckGpus: ["GPU-0"] });
    expect(why(bench, "GPU-0")).toBe(null);
  });

  it("[fault 26] is one with a worker that cannot be killed; its job runs elsewhere", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    const id = bench.submit(model("sdxl"), { retries: 1 });
    bench.ready(1);
    bench.send({ type: "worker-stuck", workerId: 1, message: "its program hangs in the kernel" });
    expect(why(bench, "GPU-0")).toBe("stuck");
    expect(bench.worker(1).phase).toMatchObject({ state: "stopping", reason: "unresponsive" });
    bench.pass(2_000);
    expect(bench.worker(2).leases[0]?.gpu.uuid).toBe("GPU-1");
    bench.ready(2);
    expect(bench.stateOf(id)).toBe("running");
    bench.exit(1);
    expect(why(bench, "GPU-0")).toBe("stuck");
  });
});
