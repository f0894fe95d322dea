import { describe, expect, it } from "vitest";
import { restore } from "../../src/scheduler/restore.ts";
import { rowsOf } from "../../src/scheduler/rows.ts";
import { newJob } from "../../src/sim/users.ts";
import { must } from "../../src/std/assert.ts";
import { Bench, command, outcome } from "../kit/scheduler.ts";

const task = command("task", { gpuCount: 0, cpuCores: 1 });

/** A bench on whose ten cores an array of jobs waits or runs; gives the ids. */
function submitArray(bench: Bench, count: number, maxActive: number | null, retries = 0): number[] {
  const jobs = Array.from({ length: count }, () => newJob(task, { retries }));
  const reply = bench.ask({ type: "submit", jobs, array: { maxActive } });
  if (!reply.ok) throw new Error(reply.message);
  return [...reply.ids];
}

const createBench = (): Bench => new Bench({ policy: { cpuCores: 10 } });

/** Lets the program of a job's worker start and end. */
function runOut(bench: Bench, id: number, kind: "succeeded" | "failed" = "succeeded"): void {
  const { phase } = bench.job(id);
  const worker = phase.state === "starting" || phase.state === "running" ? phase.worker.id : -1;
  if (phase.state === "starting") bench.ready(worker);
  bench.exit(worker, outcome(kind, kind === "succeeded" ? 0 : 1));
}

describe("an array with a limit", () => {
  it("has so many of its jobs on their way, and the next ones follow in order", () => {
    const bench = createBench();
    const ids = submitArray(bench, 5, 2);
    const states = () => ids.map((id) => bench.stateOf(id));
    expect(states()).toEqual(["starting", "starting", "held", "held", "held"]);
    expect(bench.why(must(ids[2], "a job"))).toEqual({
      code: "array-limit",
      text: "at most 2 jobs of array 1 are on their way at once",
    });
    runOut(bench, 2);
    expect(states()).toEqual(["starting", "succeeded", "starting", "held", "held"]);
    runOut(bench, 1, "failed");
    expect(states()).toEqual(["failed", "over", "starting", "starting", "held"]);
  });

  it("of one says that its jobs go one after the other", () => {
    const bench = createBench();
    const [, second = 0] = submitArray(bench, 2, 1);
    expect(bench.why(second)?.text).toBe("the jobs of array 1 go one after the other");
  });

  it("is one array though its jobs come in several requests", () => {
    const bench = createBench();
    const jobs = [newJob(task), newJob(task)];
    const array = { maxActive: 3 };
    bench.ask({ type: "submit", jobs, array, part: { before: 0, toCome: 2 } });
    const { changes } = bench.send({ type: "submit", jobs, array, part: { before: 2, toCome: 0 } });
    expect([1, 2, 3, 4].map((id) => bench.stateOf(id))).toEqual(["starting", "starting", "starting", "held"]);
    expect(changes.newJobs.map(({ arrayId }) => arrayId)).toEqual([1, 1]);
    expect(changes.newArrays, "its limit is written once").toEqual([]);
  });

  it("without one has as many as there is room for", () => {
    const bench = createBench();
    const ids = submitArray(bench, 12, null);
    expect(ids.filter((id) => bench.stateOf(id) === "starting")).toHaveLength(10);
    expect(ids.filter((id) => bench.stateOf(id) === "queued")).toHaveLength(2);
  });

  it("gives the place of a job that is held, cancelled or waits for its retry to the next", () => {
    const bench = createBench();
    const ids = submitArray(bench, 6, 1, 1);
    runOut(bench, 1, "failed");
    expect(bench.stateOf(1)).toBe("held");
    expect(bench.stateOf(2)).toBe("starting");
    bench.ask({ type: "cancel", jobId: 3 });
    runOut(bench, 2);
    expect(bench.stateOf(4)).toBe("starting");
    bench.pass(60_000);
    expect(bench.why(1)?.code, "its retry is due, and another one is on its way").toBe("array-limit");
    for (const id of [4, 5, 6, 1]) runOut(bench, id);
    expect(bench.state.jobs.size).toBe(0);
    expect(ids).toHaveLength(6);
  });

  it("holds a job for a person beside its own limit", () => {
    const bench = createBench();
    submitArray(bench, 3, 1);
    bench.ask({ type: "hold", jobId: 2 });
    runOut(bench, 1);
    expect([bench.stateOf(2), bench.stateOf(3)]).toEqual(["held", "starting"]);
    bench.ask({ type: "release", jobId: 2 });
    expect(bench.why(2)?.code).toBe("array-limit");
    runOut(bench, 3);
    expect(bench.stateOf(2)).toBe("starting");
  });

  it("is as it was after a restart", () => {
    const bench = createBench();
    submitArray(bench, 4, 2);
    const again = restore(bench.state.policy, rowsOf(bench.state));
    const array = must(again.jobs.get(4)?.extras?.array, "the array");
    expect([[...array.active], [...array.waiting], array.maxActive]).toEqual([[1, 2], [3, 4], 2]);
  });

  it("is taken whole or not at all", () => {
    const bench = createBench();
    const reply = bench.ask({
      type: "submit",
      jobs: [newJob(task), newJob(command("big", { gpuCount: 9 }))],
      array: { maxActive: 1 },
    });
    expect(reply).toMatchObject({ ok: false, code: "gpu/too-many" });
    expect([bench.state.jobs.size, bench.last.changes.newArrays]).toEqual([0, []]);
  });
});
