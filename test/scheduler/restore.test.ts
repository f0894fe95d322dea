import { describe, expect, it } from "vitest";
import type { Effect } from "../../src/scheduler/effects.ts";
import { checkInvariants } from "../../src/scheduler/invariants.ts";
import type { State } from "../../src/scheduler/model.ts";
import { pendingEffects, restore } from "../../src/scheduler/restore.ts";
import { step } from "../../src/scheduler/step.ts";
import { compareStates } from "../../src/sim/compare-states.ts";
import { createMirror } from "../../src/sim/mirror.ts";
import { Bench, command, model, type Untimed } from "../kit/scheduler.ts";

/** Plays `script` and gives what a daemon would rebuild from the rows it left. */
function afterRestart(script: (bench: Bench) => void): { bench: Bench; restored: State } {
  const mirror = createMirror();
  const bench = new (class extends Bench {
    override send(...events: readonly Untimed[]) {
      const taken = super.send(...events);
      mirror.apply(taken.changes);
      return taken;
    }
  })({ gpus: [{}, {}, {}] });
  script(bench);
  const restored = restore(bench.state.policy, mirror.rows());
  checkInvariants(restored);
  return { bench, restored };
}

describe("a restart", () => {
  it("finds jobs, workers, leases and queues as they were, and what was ordered", () => {
    const { bench, restored } = afterRestart((live) => {
      const running = live.submit(model("sdxl"));
      live.ready(1);
      live.submit(model("sdxl"), { priority: 3 });
      live.submit(model("sdxl"), { hold: true });
      live.submit(model("sdxl"), { after: [{ jobId: running, condition: "succeeded", outcome: "live" }] });
      live.submit(command());
      live.submit(command());
      live.ready(2);
      live.ask({ type: "cancel", jobId: running });
      live.ask({ type: "cancel", jobId: 6 });
      live.ask({ type: "pin-worker", workerId: 1, pinned: true });
    });
    compareStates(bench.state, restored);
    const inWords = (effect: Effect): string =>
      `${effect.type} ${effect.type === "prepare-lane" ? effect.laneKey : effect.workerId}`;
    expect(pendingEffects(restored).map(inWords)).toEqual([
      "start-worker 1",
      "run-job 1",
      "cancel-job 1",
      "start-worker 2",
      "start-worker 3",
      "stop-worker 3",
    ]);
  });

  it("places nothing before the GPUs were seen again", () => {
    const { restored } = afterRestart((live) => {
      live.seeGpus([{ healthy: false }]);
      live.submit(model("sdxl"));
    });
    expect(step(restored, [{ type: "tick", atMs: 2_000_000 }]).effects).toEqual([]);
    const gpu = { uuid: "GPU-0", index: 0, totalBytes: 24 * 2 ** 30, foreignBytes: 0, healthy: true };
    const seen = step(restored, [{ type: "gpus-seen", gpus: [gpu], atMs: 2_000_000 }]);
    expect(seen.effects).toEqual([{ type: "start-worker", workerId: 1 }]);
  });

  it("drains a worker whose GPU was lost meanwhile", () => {
    const { restored } = afterRestart((live) => {
      live.submit(model("sdxl"));
      live.ready(1);
    });
    const gpu = { uuid: "GPU-0", index: 0, totalBytes: 24 * 2 ** 30, foreignBytes: 0, healthy: false };
    step(restored, [{ type: "gpus-seen", gpus: [gpu], atMs: 2_000_000 }]);
    expect(restored.workers.get(1)?.phase).toMatchObject({ state: "draining", reason: "gpu-lost" });
  });

  it("measures no switch cost across the time in which no daemon ran", () => {
    const { restored } = afterRestart((live) => live.submit(model("sdxl")));
    step(restored, [{ type: "worker-ready", workerId: 1, endpoint: null, atMs: 90_000_000 }]);
    expect(restored.workers.get(1)?.phase.state).toBe("ready");
    expect(restored.lanes.get("sdxl")?.learned.startMs).toBeNull();
  });

  it("does not stop at once a worker that had just become idle", () => {
    const { bench, restored } = afterRestart((live) => {
      const id = live.submit(model("sdxl", { keepAliveMs: 10_000 }));
      live.ready(1);
      live.nowMs += 60_000;
      live.end(id);
    });
    expect(step(restored, [{ type: "tick", atMs: bench.nowMs + 9_999 }]).effects).toEqual([]);
    expect(step(restored, [{ type: "tick", atMs: bench.nowMs + 10_000 }]).effects).toHaveLength(1);
  });
});
