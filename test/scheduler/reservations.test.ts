import { describe, expect, it } from "vitest";
import { checkInvariants } from "../../src/scheduler/invariants.ts";
import type { Policy } from "../../src/scheduler/model.ts";
import { restore } from "../../src/scheduler/restore.ts";
import { rowsOf } from "../../src/scheduler/rows.ts";
import { step } from "../../src/scheduler/step.ts";
import type { NewReservation } from "../../src/scheduler/timetable.ts";
import { must } from "../../src/std/assert.ts";
import { testPolicy } from "../kit/policy.ts";
import { Bench, command, GIB, model } from "../kit/scheduler.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const gpuJob = command("run");
const ann = { accounts: ["user:ann"] } as const;
const bob = { accounts: ["user:bob"] } as const;

/** A bench whose times are minutes from its start. */
class Calendar extends Bench {
  readonly startMs: number;

  constructor(gpus = 1, policy: Partial<Policy> = {}) {
    super({ gpus: Array.from({ length: gpus }, () => ({})), policy });
    this.startMs = this.nowMs;
  }

  /** Reserves GPUs for ann from minute `from` to minute `to`. */
  reserve(from: number, to: number, asked: Partial<NewReservation> = {}) {
    const reservation = {
      ...{ name: "demo", count: 1, gpus: null, accounts: ["user:ann"], uid: 1000, user: "ann" },
      startAtMs: this.startMs + from * MINUTE,
      endAtMs: this.startMs + to * MINUTE,
      ...asked,
    };
    return this.ask({ type: "add-reservation", reservation });
  }

  at(minute: number): void {
    this.pass(this.startMs + minute * MINUTE - this.nowMs);
  }

  gpusOf(jobId: number): string[] {
    const { phase } = this.job(jobId);
    if (phase.state !== "running" && phase.state !== "starting") return [];
    return phase.worker.leases.map((lease) => lease.gpu.uuid);
  }
}

describe("making a reservation", () => {
  it("takes GPUs that are idle first, and ones that are free of other reservations then", () => {
    const bench = new Calendar(3);
    bench.submit(gpuJob, bob);
    bench.reserve(10, 20);
    expect(bench.state.reservations.get(1)?.gpus).toEqual(["GPU-1"]);
    bench.reserve(19, 30, { count: 2 });
    expect(bench.state.reservations.get(2)?.gpus).toEqual(["GPU-2", "GPU-0"]);
    bench.reserve(0, 10, { gpus: ["GPU-1"] });
    expect(bench.state.reservations.get(3)?.gpus).toEqual(["GPU-1"]);
  });

  it.each([
    { name: "no GPU left then", from: 19, to: 30, asked: { count: 2 }, code: "reservation/refused" },
    {
      name: "a GPU that is taken",
      from: 10,
      to: 11,
      asked: { gpus: ["GPU-0"] },
      code: "reservation/refused",
    },
    { name: "more than there are", from: 10, to: 11, asked: { count: 3 }, code: "gpu/too-many" },
    { name: "an unknown GPU", from: 10, to: 11, asked: { gpus: ["GPU-9"] }, code: "gpu/unknown" },
    { name: "no time at all", from: 30, to: 30, asked: {}, code: "reservation/invalid" },
    { name: "an end before the start", from: 30, to: 29, asked: {}, code: "reservation/invalid" },
    { name: "what is over", from: -20, to: 0, asked: {}, code: "reservation/invalid" },
    { name: "nothing", from: 30, to: 40, asked: { count: 0 }, code: "reservation/invalid" },
  ])("is refused for $name", ({ from, to, asked, code }) => {
    const bench = new Calendar(2);
    bench.reserve(10, 20, { gpus: ["GPU-0"] });
    expect(bench.reserve(from, to, asked)).toMatchObject({ ok: false, code });
    expect(bench.state.reservations.size).toBe(1);
  });

  it("begins now if its start is past and its end is not", () => {
    const bench = new Calendar();
    expect(bench.reserve(-5, 5)).toEqual({ ok: true, ids: [1] });
    expect(bench.state.reservations.get(1)).toMatchObject({ startAtMs: bench.nowMs, hasBegun: true });
  });
});

describe("before a reservation", () => {
  it("only work that ends before it begins is let onto its GPU; the others are told why they wait", () => {
    const bench = new Calendar();
    bench.reserve(60, 120);
    const long = bench.submit(gpuJob, { ...bob, timeLimitMs: 2 * HOUR });
    expect(bench.stateOf(long)).toBe("queued");
    expect(bench.why(long)?.code).toBe("gpu-reserved");
    expect(bench.why(long)?.text).toContain("reserved for user ann (reservation demo) from");
    const short = bench.submit(command("short"), { ...bob, timeLimitMs: 30 * MINUTE });
    expect(bench.stateOf(short)).toBe("starting");
  });

  it("a job of somebody else is not held up by one that is too long, in the same lane", () => {
    const bench = new Calendar();
    bench.reserve(60, 120);
    const long = bench.submit(gpuJob, { ...bob, timeLimitMs: 2 * HOUR });
    const short = bench.submit(gpuJob, { accounts: ["user:cid"], timeLimitMs: 30 * MINUTE });
    expect([long, short].map((id) => bench.stateOf(id))).toEqual(["queued", "starting"]);
  });

  it("work of unknown length needs twice what is expected", () => {
    const bench = new Calendar();
    bench.reserve(3, 120);
    // One minute is expected of a run on a new host, and no time of the start of a command.
    expect(bench.stateOf(bench.submit(gpuJob, bob))).toBe("starting");
    const late = new Calendar();
    late.reserve(1.9, 120);
    expect(late.stateOf(late.submit(gpuJob, bob))).toBe("queued");
  });

  it("nothing changes for those it is for, nor on other GPUs", () => {
    const bench = new Calendar(2);
    bench.reserve(60, 120, { gpus: ["GPU-0"] });
    const others = bench.submit(gpuJob, { ...bob, timeLimitMs: 5 * HOUR });
    const own = bench.submit(gpuJob, { ...ann, timeLimitMs: 5 * HOUR });
    expect(bench.gpusOf(others)).toEqual(["GPU-1"]);
    expect(bench.gpusOf(own)).toEqual(["GPU-0"]);
  });

  it("a resident worker takes only jobs that end before, and the others once it is over", () => {
    const bench = new Calendar();
    const sdxl = model("sdxl");
    const first = bench.submit(sdxl, { ...bob, timeLimitMs: MINUTE });
    bench.ready(1);
    bench.reserve(10, 20);
    const long = bench.submit(sdxl, { ...bob, timeLimitMs: 30 * MINUTE });
    bench.end(first);
    expect(bench.stateOf(long)).toBe("queued");
    expect(bench.why(long)?.text).toContain("(reservation demo)");
    const short = bench.submit(sdxl, { accounts: ["user:cid"], timeLimitMs: MINUTE });
    expect(bench.stateOf(short), "bob's job is before it, and of the same lane").toBe("queued");
    bench.at(20);
    expect(bench.stateOf(long)).toBe("running");
  });
});

describe("during a reservation", () => {
  it("its GPU is for jobs of its accounts alone", () => {
    const bench = new Calendar();
    bench.reserve(0, 60);
    const others = bench.submit(gpuJob, { ...bob, priority: 100, timeLimitMs: 1000 });
    expect(bench.stateOf(others)).toBe("queued");
    expect(bench.why(others)?.text).toMatch(/^GPU 0 is reserved for user ann \(reservation demo\) until /);
    const own = bench.submit(gpuJob, { ...ann, priority: -5 });
    expect(bench.stateOf(own), "also behind others in the same lane").toBe("starting");
    bench.ready(1);
    bench.exit(1);
    expect(bench.stateOf(others)).toBe("queued");
    bench.at(60);
    expect(bench.stateOf(others)).toBe("starting");
  });

  it("a group's members count by the group", () => {
    const bench = new Calendar();
    bench.reserve(0, 60, { accounts: ["group:students"] });
    const member = bench.submit(gpuJob, { accounts: ["user:cid", "group:students"] });
    expect(bench.stateOf(member)).toBe("starting");
  });

  it("runs that began before are let finish, preemptible ones are put back", () => {
    const bench = new Calendar(2);
    const running = bench.submit(gpuJob, { ...bob, timeLimitMs: null });
    const soft = bench.submit(gpuJob, { ...bob, preemptible: true });
    for (const id of [1, 2]) bench.ready(id);
    bench.reserve(5, 60, { count: 2 });
    bench.at(5);
    expect(bench.worker(1).phase.state).toBe("ready");
    expect(bench.worker(2).phase).toMatchObject({ state: "stopping" });
    bench.exit(2);
    expect(bench.stateOf(soft)).toBe("queued");
    expect(bench.stateOf(running)).toBe("running");
    const own = bench.submit(gpuJob, ann);
    expect(bench.gpusOf(own)).toEqual(["GPU-1"]);
    const second = bench.submit(gpuJob, ann);
    expect(bench.stateOf(second)).toBe("queued");
    bench.exit(1, { kind: "succeeded", exitCode: 0, message: null, output: null, artifacts: null });
    expect(bench.gpusOf(second)).toEqual(["GPU-0"]);
    bench.at(60);
    for (const id of [3, 4]) {
      bench.ready(id);
      bench.exit(id);
    }
    expect(bench.stateOf(soft)).toBe("starting");
  });

  it.each([
    { name: "an idle worker", overrides: {} },
    { name: "a pinned worker", overrides: { keepAliveMs: null } },
    { name: "a worker of the home state", overrides: { minReplicas: 1 } },
  ])("$name of others makes room at once", ({ overrides }) => {
    const bench = new Calendar();
    const sdxl = model("sdxl", overrides);
    const job = bench.submit(sdxl, bob);
    bench.ready(1);
    bench.end(job);
    bench.reserve(0, 60);
    expect(bench.worker(1).phase.state, "nobody needs its place yet").toBe("ready");
    const own = bench.submit(gpuJob, ann);
    expect(bench.effects).toEqual(["stop 1"]);
    bench.exit(1);
    expect(bench.stateOf(own)).toBe("starting");
    bench.ready(2);
    bench.exit(2);
    expect(bench.effects, "and does not come back before it is over").toEqual([]);
  });

  it("a busy worker of others finishes what it runs, without the quantum of its lane", () => {
    const bench = new Calendar(1, { quantumFactor: 1e6 });
    const sdxl = model("sdxl");
    const jobs = [1, 2].map(() => bench.submit(sdxl, bob));
    bench.ready(1);
    bench.reserve(0, 60);
    bench.submit(model("llama"), ann);
    expect(bench.worker(1).phase).toMatchObject({ state: "draining" });
    bench.end(must(jobs[0], "a job"));
    expect(bench.effects).toEqual(["stop 1"]);
    bench.exit(1);
    expect([...bench.state.workers.values()].map(({ name }) => name)).toEqual(["llama-2"]);
  });

  it("somebody whose lane has its worker on that GPU gets another one elsewhere", () => {
    const bench = new Calendar(2);
    const sdxl = model("sdxl", { maxReplicas: 1 });
    const first = bench.submit(sdxl, ann);
    bench.ready(1);
    bench.end(first);
    const uuid = must(bench.worker(1).leases[0], "a lease").gpu.uuid;
    bench.reserve(0, 60, { gpus: [uuid] });
    const others = bench.submit(sdxl, bob);
    expect(bench.worker(2).leases.map(({ gpu }) => gpu.uuid)).toEqual(["GPU-1"]);
    expect(uuid).toBe("GPU-0");
    const own = bench.submit(sdxl, ann);
    expect(bench.effects, "ann has hers").toEqual([`run ${own} on 1`]);
    bench.ready(2);
    expect(bench.effects).toEqual([`run ${others} on 2`]);
  });

  it("two lanes of its own share it as lanes always do", () => {
    const bench = new Calendar(1, { quantumFactor: 1000 });
    const sdxl = model("sdxl");
    for (let count = 0; count < 3; count++) bench.submit(sdxl, ann);
    bench.nowMs += 1000;
    bench.ready(1);
    bench.reserve(0, 60);
    bench.submit(model("llama"), ann);
    expect(bench.worker(1).phase.state).toBe("ready");
    bench.end(1);
    expect(bench.effects).toEqual(["run 2 on 1"]);
  });

  it("a job that waits for its own GPU to be freed frees no other one", () => {
    const bench = new Calendar(2);
    const jobs = ["sdxl", "flux"].map((key) => bench.submit(model(key), bob));
    for (const id of [1, 2]) bench.ready(id);
    for (const id of jobs) bench.end(id);
    bench.reserve(0, 60, { gpus: ["GPU-1"] });
    bench.submit(gpuJob, ann);
    expect(bench.effects).toEqual(["stop 2"]);
  });

  it("jobs that need no GPU run as always", () => {
    const bench = new Calendar();
    bench.reserve(0, 60);
    expect(bench.stateOf(bench.submit(command("cpu", { gpuCount: 0 }), bob))).toBe("starting");
  });

  it("a job for two GPUs waits until both are its own or free", () => {
    const bench = new Calendar(2);
    bench.reserve(0, 60, { gpus: ["GPU-0"] });
    const wide = command("wide", { gpuCount: 2 });
    const others = bench.submit(wide, bob);
    expect(bench.why(others)).toMatchObject({ code: "gpu-reserved" });
    const own = bench.submit(command("wider", { gpuCount: 2, vramBytes: 2 * GIB, mode: "shared" }), ann);
    expect(bench.gpusOf(own)).toEqual(["GPU-0", "GPU-1"]);
  });

  it("that is given up lets the others in at once", () => {
    const bench = new Calendar();
    bench.reserve(0, 60);
    const others = bench.submit(gpuJob, bob);
    expect(bench.ask({ type: "remove-reservation", reservationId: 1 })).toEqual({ ok: true, ids: [1] });
    expect(bench.stateOf(others)).toBe("starting");
    expect(bench.ask({ type: "remove-reservation", reservationId: 1 })).toMatchObject({
      code: "reservation/unknown",
    });
  });
});

describe("after a restart", () => {
  it("stands as it stood; a start or end that was missed is dealt with", () => {
    const bench = new Calendar();
    bench.reserve(10, 20);
    const others = bench.submit(gpuJob, { ...bob, timeLimitMs: HOUR });
    const restored = restore(testPolicy(), rowsOf(bench.state));
    expect(rowsOf(restored).timetable).toEqual(rowsOf(bench.state).timetable);
    const at = (minute: number) =>
      step(restored, [
        { type: "tick", atMs: bench.startMs + minute * MINUTE },
        {
          type: "gpus-seen",
          gpus: [{ uuid: "GPU-0", index: 0, totalBytes: 24 * GIB, foreignBytes: 0, healthy: true }],
          atMs: bench.startMs + minute * MINUTE,
        },
      ]);
    expect(at(15).changes.log.map(({ type }) => type)).toContain("reservation-begun");
    expect(restored.jobs.get(others)?.phase.state).toBe("queued");
    expect(at(16).changes.log).toEqual([]);
    expect(at(20).changes.reservationsRemoved).toMatchObject([{ id: 1 }]);
    expect(restored.jobs.get(others)?.phase.state).toBe("starting");
    checkInvariants(restored);
  });
});
