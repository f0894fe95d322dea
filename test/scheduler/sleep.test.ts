import { describe, expect, it } from "vitest";
import type { Lane, LaneSpec } from "../../src/scheduler/model.ts";
import { pendingEffects } from "../../src/scheduler/restore.ts";
import { sleepRamBytes } from "../../src/scheduler/sleep.ts";
import { must } from "../../src/std/assert.ts";
import { Bench, GIB, model } from "../kit/scheduler.ts";

const sleepy = (key: string, overrides: Partial<LaneSpec> = {}): LaneSpec =>
  model(key, { sleep: { level: 1, residueBytes: GIB, ramBytes: 0, timeoutMs: 60_000 }, ...overrides });

/** A bench on which worker 1 of `a` is about to sleep, since a job of `b` waits. */
function makingRoom(a = sleepy("a"), b = model("b"), options: ConstructorParameters<typeof Bench>[0] = {}) {
  const bench = new Bench(options);
  const first = bench.submit(a);
  bench.nowMs += 10_000;
  bench.ready(1);
  bench.end(first);
  const second = bench.submit(b);
  return { bench, second };
}

function asleep(
  bench: Bench,
  workerId = 1,
  residueBytes: number | null = null,
  ramBytes: number | null = null,
) {
  const { fence } = bench.worker(workerId);
  return bench.send({ type: "worker-asleep", workerId, fence, residueBytes, ramBytes });
}

function woken(bench: Bench, workerId = 1) {
  return bench.send({ type: "worker-woken", workerId, fence: bench.worker(workerId).fence });
}

function laneOf(bench: Bench, key: string): Lane {
  return must(bench.state.lanes.get(key), key);
}

describe("making room", () => {
  it("puts a worker to sleep, and starts the next one only once it does", () => {
    const { bench, second } = makingRoom();
    expect(bench.effects).toEqual(["sleep 1"]);
    expect(bench.why(second)?.code).toBe("draining");
    asleep(bench);
    expect(bench.effects).toEqual(["start 2"]);
    const [lease] = bench.worker(1).leases;
    expect(lease).toMatchObject({ mode: "residue", vramBytes: GIB });
    // All of the GPU but what the sleeper holds.
    expect(bench.worker(2).leases[0]).toMatchObject({ mode: "exclusive", vramBytes: 23 * GIB });
  });

  it("books what sleeping took of the host's memory, whatever is declared, and a tenth more for the next time", () => {
    const sleep = { level: 1, residueBytes: GIB, ramBytes: 8 * GIB, timeoutMs: 1_000 } as const;
    const a = model("a", { sleep });
    const { bench } = makingRoom(a, model("b"), { policy: { ramBytes: 9 * GIB } });
    expect(bench.worker(1).phase).toMatchObject({ state: "falling-asleep", ramBytes: 8 * GIB });
    asleep(bench, 1, GIB, 5 * GIB);
    expect(bench.worker(1).phase).toMatchObject({ state: "asleep", ramBytes: 5 * GIB });
    expect(sleepRamBytes(bench.worker(1))).toBe(5.5 * GIB);
  });

  it("stops one that takes more of the host's memory in its sleep than there is", () => {
    const { bench } = makingRoom(sleepy("a"), model("b"), { policy: { ramBytes: 4 * GIB } });
    asleep(bench, 1, GIB, 5 * GIB);
    expect(bench.effects).toEqual(["stop 1", "start 2"]);
    expect(bench.worker(1).phase).toMatchObject({ state: "stopping", reason: "ram-needed" });
    expect(laneOf(bench, "a").learned.sleepRamBytes).toBe(5 * GIB);
  });

  it("wakes it again with a new fence where it is, once the other one has made room", () => {
    const { bench, second } = makingRoom(sleepy("a"), sleepy("b"));
    asleep(bench);
    bench.ready(2);
    bench.end(second);
    const third = bench.submit(sleepy("a"));
    expect(bench.effects).toEqual(["sleep 2"]);
    asleep(bench, 2);
    expect(bench.effects).toEqual(["wake 1"]);
    expect(bench.worker(1)).toMatchObject({ fence: 3, phase: { state: "waking" } });
    bench.nowMs += 700;
    woken(bench);
    expect(bench.effects).toEqual([`run ${third} on 1`]);
    expect(laneOf(bench, "a").learned.wakeMs).toBe(700);
  });

  it("stops it where what it would keep leaves too little for who comes", () => {
    const { bench } = makingRoom(sleepy("a"), model("b", { vramBytes: 24 * GIB }));
    expect(bench.effects).toEqual(["stop 1"]);
  });

  it("stops it where the host has no memory for its sleep, or its owner wants idle workers gone at once", () => {
    const sleep = { level: 1, residueBytes: GIB, ramBytes: 3 * GIB, timeoutMs: 1_000 } as const;
    const { bench } = makingRoom(model("a", { sleep }), model("b"), { policy: { ramBytes: 2 * GIB } });
    expect(bench.effects).toEqual(["stop 1"]);
    const other = new Bench();
    const job = other.submit(sleepy("a", { keepAliveMs: 0 }));
    other.ready(1);
    other.end(job);
    expect(other.effects).toEqual(["stop 1"]);
  });

  it("stops one that sleeps for a lane that needs its last gibibyte", () => {
    const { bench, second } = makingRoom();
    asleep(bench);
    bench.ready(2);
    bench.end(second);
    bench.submit(model("wide", { vramBytes: 24 * GIB }));
    expect(bench.effects.toSorted()).toEqual(["stop 1", "stop 2"]);
  });
});

describe("news of a sleep", () => {
  it("of an earlier fence says nothing", () => {
    const { bench, second } = makingRoom(sleepy("a"), sleepy("b"));
    const old = bench.worker(1).fence;
    asleep(bench);
    bench.ready(2);
    bench.end(second);
    const third = bench.submit(sleepy("a"));
    asleep(bench, 2);
    bench.send({ type: "worker-woken", workerId: 1, fence: old });
    expect(bench.worker(1).phase.state).toBe("waking");
    woken(bench);
    bench.end(third);
    bench.submit(sleepy("b"));
    expect(bench.worker(1).phase.state).toBe("falling-asleep");
    bench.send({ type: "worker-asleep", workerId: 1, fence: old, residueBytes: null });
    expect(bench.worker(1).phase.state).toBe("falling-asleep");
  });

  it("that freed nothing stops the worker, and a lane without sleep refuses it", () => {
    const { bench, second } = makingRoom();
    asleep(bench, 1, 24 * GIB);
    expect(bench.effects).toEqual(["stop 1"]);
    expect(laneOf(bench, "a").learned).toMatchObject({ sleepFailures: 1 });
    expect(bench.ask({ type: "sleep-worker", workerId: 1 })).toMatchObject({ ok: false });
    bench.exit(1);
    bench.ready(2);
    bench.end(second);
    expect(bench.ask({ type: "sleep-worker", workerId: 2 })).toMatchObject({
      ok: false,
      code: "worker/state",
    });
  });

  it("of a program that cannot sleep is remembered until it is forgotten", () => {
    const { bench } = makingRoom();
    const { fence } = bench.worker(1);
    bench.send({ type: "worker-sleep-failed", workerId: 1, fence, cause: "unable", message: "501" });
    expect(bench.effects).toEqual(["stop 1"]);
    expect(laneOf(bench, "a").learned.noSleepUntilMs).toBe(Number.MAX_SAFE_INTEGER);
    bench.ask({ type: "forget-learned", runtime: "a" });
    expect(laneOf(bench, "a").learned.noSleepUntilMs).toBeNull();
  });

  it("that holds more than was booked books that, and stops it where there is no room", () => {
    const { bench } = makingRoom();
    asleep(bench);
    const gpus = [{ uuid: "GPU-0", index: 0, totalBytes: 24 * GIB, foreignBytes: 0, healthy: true }];
    bench.send({ type: "gpus-seen", gpus, workers: [{ workerId: 1, vramBytes: 2 * GIB }] });
    expect(bench.effects).toEqual(["stop 1"]);
    expect(laneOf(bench, "a").learned.residueBytes).toBe(2 * GIB);
  });
});

describe("waking that fails", () => {
  it("falls back to a start, also for a person who asked", () => {
    const { bench, second } = makingRoom();
    asleep(bench);
    bench.ready(2);
    bench.end(second);
    bench.ask({ type: "wake-worker", workerId: 1 });
    bench.exit(2);
    expect(bench.effects).toEqual(["wake 1"]);
    const { fence } = bench.worker(1);
    bench.send({ type: "worker-sleep-failed", workerId: 1, fence, cause: "program", message: "no" });
    expect(bench.effects).toEqual(["stop 1"]);
    bench.exit(1);
    expect(bench.effects).toEqual(["start 3"]);
  });
});

describe("time", () => {
  it("puts an idle worker to sleep after its keep-alive, and stops it after four", () => {
    const bench = new Bench();
    const job = bench.submit(sleepy("a", { keepAliveMs: 10_000 }));
    bench.ready(1);
    bench.end(job);
    bench.pass(10_000);
    expect(bench.effects).toEqual(["sleep 1"]);
    asleep(bench);
    expect(bench.last.wakeAtMs).toBe(bench.nowMs + 30_000);
    bench.pass(30_000);
    expect(bench.effects).toEqual(["stop 1"]);
  });

  it("lost with the daemon is no matter: what was ordered is ordered again", () => {
    const { bench } = makingRoom();
    expect(pendingEffects(bench.state)).toContainEqual({ type: "sleep-worker", workerId: 1 });
    asleep(bench);
    expect(pendingEffects(bench.state).map(({ type }) => type)).not.toContain("sleep-worker");
  });
});

describe("memory of the host", () => {
  it("in which a worker sleeps is taken from it for a job that needs it", () => {
    const sleep = { level: 1, residueBytes: GIB, ramBytes: 3 * GIB, timeoutMs: 1_000 } as const;
    const bench = new Bench({ gpus: [{}, {}], policy: { ramBytes: 4 * GIB } });
    const job = bench.submit(model("a", { sleep }));
    bench.ready(1);
    bench.end(job);
    bench.ask({ type: "sleep-worker", workerId: 1 });
    asleep(bench);
    const other = bench.submit(model("b", { ramBytes: 2 * GIB }));
    expect(bench.effects).toEqual(["stop 1"]);
    expect(bench.why(other)?.code).toBe("ram-busy");
    bench.exit(1);
    expect(bench.effects).toEqual(["start 2"]);
  });
});
