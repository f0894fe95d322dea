import { describe, expect, it } from "vitest";
import { Bench, command, GIB, model, outcome } from "../kit/scheduler.ts";

const done = { ...outcome("succeeded"), exitCode: 0 };
const small = command("small", { gpuCount: 0, cpuCores: 1 });
const big = command("big", { gpuCount: 0, cpuCores: 4 });

const running = (bench: Bench, ids: readonly number[]): number =>
  ids.filter((id) => bench.state.jobs.get(id)?.phase.state === "starting").length;

describe("cores of the host", () => {
  it("bound how many jobs without a GPU run at once", () => {
    const bench = new Bench({ policy: { cpuCores: 4 } });
    const ids = Array.from({ length: 6 }, () => bench.submit(small));
    expect(running(bench, ids)).toBe(4);
    expect(bench.why(ids[5] ?? 0)?.code).toBe("cpu-busy");
    bench.exit(1, done);
    expect(running(bench, ids)).toBe(4);
  });

  it("are set aside for a big job, which many small ones would starve", () => {
    const bench = new Bench({ policy: { cpuCores: 4 } });
    const ids = Array.from({ length: 4 }, () => bench.submit(small));
    bench.nowMs += 10;
    const wanted = bench.submit(big);
    for (let worker = 1; worker <= 40 && bench.stateOf(wanted) === "queued"; worker++) {
      // For every small job that ends two more arrive.
      ids.push(bench.submit(small), bench.submit(small));
      bench.nowMs += 10;
      if (bench.state.workers.has(worker)) bench.exit(worker, done);
    }
    expect(bench.stateOf(wanted)).toBe("starting");
  });

  it("are counted for jobs on GPUs that ask for them, too", () => {
    const bench = new Bench({ gpus: [{}, {}], policy: { cpuCores: 4 } });
    const train = command("train", { cpuCores: 3 });
    const [first, second] = [bench.submit(train), bench.submit(train)];
    expect([bench.stateOf(first), bench.stateOf(second)]).toEqual(["starting", "queued"]);
    expect(bench.why(second)).toMatchObject({ code: "cpu-busy" });
    expect(bench.stateOf(bench.submit(small))).toBe("queued");
  });

  it("are held by resident workers as long as these are there", () => {
    const bench = new Bench({ policy: { cpuCores: 4 } });
    const chat = model("chat", { cpuCores: 2 });
    const id = bench.submit(chat);
    bench.ready(1);
    bench.end(id);
    expect(bench.stateOf(bench.submit(big))).toBe("queued");
    bench.ask({ type: "stop-worker", workerId: 1, force: false });
    bench.exit(1);
    expect(bench.stateOf(2)).toBe("starting");
  });
});

describe("memory of the host", () => {
  const heavy = (gib: number) => command(`heavy-${gib}`, { gpuCount: 0, cpuCores: 0, ramBytes: gib * GIB });

  it("bounds what workers take of it together", () => {
    const bench = new Bench({ policy: { ramBytes: 64 * GIB } });
    const [first, second] = [bench.submit(heavy(40)), bench.submit(heavy(30))];
    expect([bench.stateOf(first), bench.stateOf(second)]).toEqual(["starting", "queued"]);
    expect(bench.why(second)).toMatchObject({
      code: "ram-busy",
      text: expect.stringContaining("it needs 30 GiB of memory"),
    });
    bench.exit(1, done);
    expect(bench.stateOf(second)).toBe("starting");
  });

  it("is not counted where the policy names none, nor for jobs that name none", () => {
    const unlimited = new Bench({ policy: { ramBytes: 0 } });
    expect(unlimited.stateOf(unlimited.submit(heavy(4_000)))).toBe("starting");
    const bench = new Bench({ policy: { ramBytes: 64 * GIB } });
    bench.submit(heavy(64));
    expect(bench.stateOf(bench.submit(small))).toBe("starting");
  });

  it("that the host does not have is refused", () => {
    const bench = new Bench({ policy: { ramBytes: 64 * GIB } });
    const reply = bench.ask({ type: "preload", lane: model("chat", { ramBytes: 65 * GIB }) });
    expect(reply).toMatchObject({ ok: false, code: "host/too-large" });
  });
});
