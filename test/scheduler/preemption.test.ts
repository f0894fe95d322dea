import { describe, expect, it } from "vitest";
import { Bench, command, model, outcome } from "../kit/scheduler.ts";

const train = command("train");
const urgent = command("urgent");

/** A bench on whose one GPU a job runs. */
function occupied(overrides: Parameters<Bench["submit"]>[1] = { preemptible: true }): Bench {
  const bench = new Bench();
  bench.submit(train, overrides);
  bench.ready(1);
  return bench;
}

describe("a preemptible job", () => {
  it("is stopped for one of higher priority, queued again, and runs on after it; its retries are untouched", () => {
    const bench = occupied({ preemptible: true, retries: 1 });
    const high = bench.submit(urgent, { priority: 1 });
    expect(bench.effects).toEqual(["stop 1"]);
    expect(bench.why(1)).toEqual({ code: "ending", text: "it is being stopped (preempted)" });
    bench.exit(1, outcome("failed", 143));
    expect([bench.stateOf(1), bench.stateOf(high)]).toEqual(["queued", "starting"]);
    expect(bench.job(1).extras?.preemptions).toBe(1);
    expect(bench.last.changes.attemptsEnded).toMatchObject([{ jobId: 1, outcome: "preempted" }]);
    bench.ready(2);
    bench.exit(2, outcome("succeeded", 0));
    expect(bench.stateOf(1)).toBe("starting");
    bench.ready(3);
    bench.exit(3, outcome("failed", 1));
    expect(bench.stateOf(1), "its one retry is left").toBe("held");
    bench.pass(60_000);
    bench.ready(4);
    bench.exit(4, outcome("failed", 1));
    expect(bench.stateOf(1)).toBe("failed");
  });

  it("that saves its work and exits with 0 is queued again, too", () => {
    const bench = occupied();
    bench.submit(urgent, { priority: 1 });
    bench.exit(1, outcome("succeeded", 0));
    expect(bench.stateOf(1)).toBe("queued");
  });

  it("makes way for a command that needs the same lease, and so waits in the same lane", () => {
    const bench = occupied();
    const high = bench.submit(train, { priority: 1 });
    expect(bench.effects).toEqual(["stop 1"]);
    bench.exit(1, outcome("failed", 143));
    expect([bench.stateOf(1), bench.stateOf(high)]).toEqual(["queued", "starting"]);
  });

  it("does not make way for an equal behind one that a quota keeps from running", () => {
    const quotas = { "user:bob": { running: null, queued: null, gpuHours: 1e-9, maxPriority: null } };
    const bench = new Bench({ policy: { quotas } });
    const used = bench.submit(train, { accounts: ["user:bob"] });
    bench.ready(1);
    bench.pass(60_000);
    bench.exit(1, outcome("succeeded", 0));
    expect(bench.stateOf(used)).toBe("succeeded");
    bench.submit(train, { preemptible: true });
    bench.ready(2);
    bench.submit(train, { accounts: ["user:bob"], priority: 9 });
    const equal = bench.submit(train);
    expect([bench.effects, bench.stateOf(equal)]).toEqual([[], "queued"]);
  });

  it.each([0, -1])("is let finish when the other has priority %i", (priority) => {
    const bench = occupied();
    bench.submit(urgent, { priority });
    expect(bench.effects).toEqual([]);
  });

  it("is the only kind that is preempted", () => {
    const bench = occupied({ preemptible: false });
    bench.submit(urgent, { priority: 1000 });
    expect(bench.effects).toEqual([]);
  });

  it("of a resident lane is told to stop, and its worker makes room", () => {
    const bench = new Bench();
    const lane = model("sdxl");
    const id = bench.submit(lane, { preemptible: true });
    bench.ready(1);
    const high = bench.submit(urgent, { priority: 1 });
    expect(bench.effects).toContain(`cancel ${id}`);
    bench.end(id, "cancelled");
    expect(bench.effects).toContain("stop 1");
    bench.exit(1);
    expect([bench.stateOf(id), bench.stateOf(high)]).toEqual(["queued", "starting"]);
  });

  it("of a resident lane that was done first counts as done", () => {
    const bench = new Bench();
    const id = bench.submit(model("sdxl"), { preemptible: true });
    bench.ready(1);
    bench.submit(urgent, { priority: 1 });
    bench.end(id, "succeeded");
    expect(bench.stateOf(id)).toBe("succeeded");
  });
});

describe("a job that is making way", () => {
  it("can be cancelled meanwhile, and does not come back", () => {
    const bench = occupied();
    bench.submit(urgent, { priority: 1 });
    bench.ask({ type: "cancel", jobId: 1 });
    bench.exit(1, outcome("failed", 143));
    expect(bench.endOf(1)).toMatchObject({ state: "cancelled", reason: { code: "cancelled" } });
  });

  it("can miss its deadline meanwhile, and does not come back", () => {
    const bench = new Bench();
    bench.submit(train, { preemptible: true, deadlineMs: bench.nowMs + 1_000 });
    bench.ready(1);
    bench.submit(urgent, { priority: 1 });
    bench.pass(1_000);
    bench.exit(1, outcome("failed", 143));
    expect(bench.endOf(1)).toMatchObject({ state: "failed", reason: { code: "deadline" } });
  });
});
