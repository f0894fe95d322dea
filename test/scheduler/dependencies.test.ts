import { describe, expect, it } from "vitest";
import type { Condition } from "../../src/scheduler/job-model.ts";
import { newJob } from "../../src/sim/users.ts";
import { Bench, command, outcome } from "../kit/scheduler.ts";

const task = command("task", { gpuCount: 0, cpuCores: 0 });
const live = (jobId: number, condition: Condition) => ({ jobId, condition, outcome: "live" as const });

/** Ends the job of a worker that was started for it. */
function runOut(bench: Bench, id: number, kind: "succeeded" | "failed" = "succeeded"): void {
  const { phase } = bench.job(id);
  if (phase.state !== "starting") throw new Error(`job ${id} is ${phase.state}`);
  bench.ready(phase.worker.id);
  bench.exit(phase.worker.id, outcome(kind));
}

describe("a job that waits for the end of another", () => {
  it.each([
    { condition: "succeeded", end: "succeeded", now: "starting" },
    { condition: "succeeded", end: "failed", now: "cancelled" },
    { condition: "failed", end: "failed", now: "starting" },
    { condition: "failed", end: "succeeded", now: "cancelled" },
    { condition: "any", end: "succeeded", now: "starting" },
    { condition: "any", end: "failed", now: "starting" },
  ] as const)("for $condition is $now when that $end", ({ condition, end, now }) => {
    const bench = new Bench();
    const first = bench.submit(task);
    const second = bench.submit(task, { after: [live(first, condition)] });
    expect(bench.stateOf(second)).toBe("held");
    runOut(bench, first, end);
    expect(bench.stateOf(second)).toBe(now);
    expect(bench.state.dependents.size).toBe(0);
  });

  it.each([
    { condition: "any", now: "starting" },
    { condition: "failed", now: "cancelled" },
    { condition: "succeeded", now: "cancelled" },
  ] as const)("for $condition is $now when that is cancelled", ({ condition, now }) => {
    const bench = new Bench();
    const first = bench.submit(task, { hold: true });
    const second = bench.submit(task, { after: [live(first, condition)] });
    bench.ask({ type: "cancel", jobId: first });
    expect(bench.stateOf(second)).toBe(now);
  });

  it("tells why it was cancelled, and takes those that wait for it along", () => {
    const bench = new Bench();
    const first = bench.submit(task);
    const fallback = bench.submit(task, { after: [live(first, "failed")] });
    const chained = bench.submit(task, { after: [live(fallback, "succeeded")] });
    const cleanup = bench.submit(task, { after: [live(chained, "any")] });
    runOut(bench, first);
    expect(bench.endOf(fallback).reason?.text).toBe("job 1, which it waited for, succeeded and not failed");
    expect(bench.endOf(chained).reason?.text).toBe("job 2, which it waited for, was cancelled");
    expect(bench.stateOf(cleanup)).toBe("starting");
  });

  it("has to meet all its conditions; the stricter of two for one job counts", () => {
    const bench = new Bench();
    const [first, other] = [bench.submit(task), bench.submit(task)];
    const both = bench.submit(task, {
      after: [live(first, "succeeded"), live(first, "any"), live(other, "any")],
    });
    runOut(bench, other, "failed");
    expect(bench.why(both)).toEqual({ code: "dependency", text: "waits for job 1 to succeed" });
    runOut(bench, first, "failed");
    expect(bench.stateOf(both)).toBe("cancelled");
  });

  it("is refused if the job has ended in the same step as it must not", () => {
    const bench = new Bench();
    const first = bench.submit(task, { hold: true });
    const jobs = [newJob(task, { after: [live(first, "succeeded")] })];
    const { replies } = bench.send({ type: "cancel", jobId: first }, { type: "submit", jobs });
    expect(replies[1]).toMatchObject({ ok: false, code: "dependency/failed" });
  });
});
