import { describe, expect, it } from "vitest";
import { newJob } from "../../src/sim/users.ts";
import { Bench, command, model, outcome } from "../kit/scheduler.ts";

const sdxl = model("sdxl", { stopTimeoutMs: 5_000 });

/** A bench with one job brought as far as `state`, of a resident lane or as a command. */
const bring = {
  held: (bench: Bench) => bench.submit(sdxl, { hold: true }),
  queued: (bench: Bench) => {
    bench.seeGpus([{ healthy: false }]);
    return bench.submit(sdxl);
  },
  running: (bench: Bench) => {
    const id = bench.submit(sdxl);
    bench.ready(1);
    return id;
  },
  "starting (command)": (bench: Bench) => bench.submit(command()),
  "running (command)": (bench: Bench) => {
    const id = bench.submit(command());
    bench.ready(1);
    return id;
  },
  "waiting for a retry": (bench: Bench) => {
    const id = bench.submit(sdxl, { retries: 1 });
    bench.ready(1);
    bench.end(id, "failed");
    return id;
  },
};

describe("cancel", () => {
  it.each([
    { from: "held", now: "cancelled", effects: [] },
    { from: "queued", now: "cancelled", effects: [] },
    { from: "waiting for a retry", now: "cancelled", effects: [] },
    { from: "running", now: "running", effects: ["cancel 1"] },
    { from: "starting (command)", now: "running", effects: ["stop 1"] },
    { from: "running (command)", now: "running", effects: ["stop 1"] },
  ] as const)("of a job that is $from [fault 46]", ({ from, now, effects }) => {
    const bench = new Bench();
    const id = bring[from](bench);
    expect(bench.ask({ type: "cancel", jobId: id })).toEqual({ ok: true, ids: [id] });
    expect(bench.stateOf(id)).toBe(now);
    expect(bench.effects).toEqual(effects);
    if (now !== "cancelled") {
      expect(bench.why(id)).toEqual({ code: "ending", text: "it is being stopped (cancelled)" });
      bench.exit(1, outcome("failed", 143));
      expect(bench.endOf(id)).toMatchObject({
        state: "cancelled",
        reason: { code: "cancelled", text: "cancelled on request" },
      });
    }
  });

  it("stops a worker whose job does not heed it within the stop timeout", () => {
    const bench = new Bench();
    const id = bring.running(bench);
    bench.ask({ type: "cancel", jobId: id });
    expect(bench.last.wakeAtMs).toBe(bench.nowMs + 5_000);
    bench.pass(4_999);
    expect(bench.effects).toEqual([]);
    bench.pass(1);
    expect(bench.effects).toEqual(["stop 1"]);
  });

  it("lets a job that was done first count as done", () => {
    const bench = new Bench();
    const id = bring.running(bench);
    bench.ask({ type: "cancel", jobId: id });
    bench.end(id, "succeeded");
    expect(bench.stateOf(id)).toBe("succeeded");
  });

  it("never tries a cancelled job again", () => {
    const bench = new Bench();
    const id = bench.submit(sdxl, { retries: 5 });
    bench.ready(1);
    bench.ask({ type: "cancel", jobId: id });
    bench.end(id, "failed");
    expect(bench.stateOf(id)).toBe("cancelled");
  });
});

describe("dependencies", () => {
  it("lets a job go once all it waits for have succeeded", () => {
    const bench = new Bench();
    const [first, second] = [bench.submit(sdxl), bench.submit(sdxl)];
    const after = [first, second].map((jobId) => ({
      jobId,
      condition: "succeeded" as const,
      outcome: "live" as const,
    }));
    const last = bench.submit(sdxl, { after });
    expect(bench.why(last)).toEqual({
      code: "dependency",
      text: "waits for job 1 to succeed, job 2 to succeed",
    });
    bench.ready(1);
    bench.end(first);
    expect(bench.stateOf(last)).toBe("held");
    bench.end(second);
    expect(bench.stateOf(last)).toBe("running");
  });

  it.each(["failed", "cancelled"] as const)("cancels all that wait when the first has %s", (how) => {
    const bench = new Bench();
    const first = bench.submit(sdxl);
    const second = bench.submit(sdxl, { after: [{ jobId: first, condition: "succeeded", outcome: "live" }] });
    const third = bench.submit(sdxl, { after: [{ jobId: second, condition: "succeeded", outcome: "live" }] });
    bench.ready(1);
    if (how === "failed") bench.end(first, "failed");
    else {
      bench.ask({ type: "cancel", jobId: first });
      bench.end(first, "cancelled");
    }
    const verb = how === "failed" ? "failed" : "was cancelled";
    const reason = (text: string) => ({ state: "cancelled", reason: { code: "dependency-failed", text } });
    expect(bench.endOf(second)).toMatchObject(reason(`job 1, which it waited for, ${verb}`));
    expect(bench.endOf(third)).toMatchObject(reason("job 2, which it waited for, was cancelled"));
    expect(bench.state.dependents.size).toBe(0);
  });

  it.each([
    { kind: "succeeded", reply: { ok: true, ids: [2] }, now: "running" },
    { kind: "failed", reply: { ok: false, code: "dependency/failed" }, now: "over" },
  ] as const)("knows of an end ($kind) in the very same step", ({ kind, reply, now }) => {
    const bench = new Bench();
    const first = bench.submit(sdxl);
    bench.ready(1);
    // The caller of the submission looked before that step: to it the first job was still live.
    const after = [{ jobId: first, condition: "succeeded" as const, outcome: "live" as const }];
    const { replies } = bench.send(
      { type: "job-ended", jobId: first, attempt: 1, outcome: outcome(kind) },
      { type: "submit", jobs: [newJob(sdxl, { after })] },
    );
    expect(replies[1]).toMatchObject(reply);
    expect(bench.stateOf(2)).toBe(now);
  });
});

describe("holds", () => {
  it("keeps a held job back until a person lets it go", () => {
    const bench = new Bench();
    const id = bench.submit(sdxl);
    bench.ask({ type: "hold", jobId: id });
    bench.ready(1);
    expect(bench.why(id)).toEqual({ code: "held", text: 'held by a person; "orch release 1" lets it go' });
    bench.ask({ type: "release", jobId: id });
    expect(bench.stateOf(id)).toBe("running");
  });

  it("does not let a dependency go with the hold", () => {
    const bench = new Bench();
    const first = bench.submit(sdxl, { hold: true });
    const second = bench.submit(sdxl, {
      hold: true,
      after: [{ jobId: first, condition: "succeeded", outcome: "live" }],
    });
    bench.ask({ type: "release", jobId: second });
    expect(bench.why(second)?.code).toBe("dependency");
  });
});

describe("retries", () => {
  it.each([
    { lane: sdxl, kind: "failed", retries: 0, runs: 1 },
    { lane: sdxl, kind: "failed", retries: 2, runs: 3 },
    { lane: sdxl, kind: "lost", retries: 0, runs: 2 },
    { lane: sdxl, kind: "lost", retries: 3, runs: 4 },
    { lane: command(), kind: "failed", retries: 1, runs: 2 },
    { lane: command(), kind: "lost", retries: 0, runs: 1 },
  ] as const)("runs a $lane.residency job $runs time(s): $kind, retries $retries", (row) => {
    const bench = new Bench();
    const id = bench.submit(row.lane, { retries: row.retries });
    let runs = 0;
    while (bench.state.jobs.has(id) && runs < 10) {
      runs += 1;
      const workerId = Math.max(...bench.state.workers.keys());
      bench.ready(workerId);
      if (row.lane.residency === "one-shot") bench.exit(workerId, outcome(row.kind, 3));
      else bench.end(id, row.kind);
      if (bench.state.jobs.has(id)) bench.pass(60_000);
    }
    expect(runs).toBe(row.runs);
    expect(bench.endOf(id)).toMatchObject({ state: "failed" });
  });

  it("waits up to 1, 2, 4 s before it tries again, half of it by chance, and says so", () => {
    const bench = new Bench();
    const id = bench.submit(sdxl, { retries: 3 });
    bench.ready(1);
    for (const [index, mostMs] of [1_000, 2_000, 4_000].entries()) {
      bench.end(id, "failed");
      expect(bench.why(id)?.text).toMatch(`attempt ${index + 1} failed; tried again in `);
      const waitMs = (bench.last.wakeAtMs ?? 0) - bench.nowMs;
      expect(waitMs).toBeGreaterThanOrEqual(mostMs / 2);
      expect(waitMs).toBeLessThanOrEqual(mostMs);
      bench.pass(waitMs - 1);
      expect(bench.stateOf(id)).toBe("held");
      bench.pass(1);
      expect(bench.stateOf(id)).toBe("running");
    }
  });

  it("comes at different times for jobs that failed together", () => {
    const bench = new Bench({ gpus: [{}, {}, {}, {}] });
    const ids = [1, 2, 3, 4].map((gpu) =>
      bench.submit(model(`m${gpu}`), { retries: 1, retryDelayMs: 40_000 }),
    );
    for (const workerId of ids) bench.ready(workerId);
    for (const id of ids) bench.end(id, "failed");
    const untilMs = ids.map((id) => {
      const { phase } = bench.job(id);
      return phase.state === "held" ? phase.untilMs : null;
    });
    expect(new Set(untilMs).size).toBe(4);
    const spreadMs = Math.max(...untilMs.map(Number)) - Math.min(...untilMs.map(Number));
    expect(spreadMs, "of at most half of the delay").toBeGreaterThan(5_000);
  });

  it("ignores the end of an attempt that is over", () => {
    const bench = new Bench();
    const id = bench.submit(sdxl, { retries: 1 });
    bench.ready(1);
    bench.end(id, "failed");
    bench.pass(1_000);
    bench.send({ type: "job-ended", jobId: id, attempt: 1, outcome: outcome("succeeded") });
    expect(bench.stateOf(id)).toBe("running");
    expect(bench.last.changes.attemptsEnded).toEqual([]);
  });
});

describe("time limit", () => {
  it("ends a job that runs longer with exit code 124", () => {
    const bench = new Bench();
    const id = bench.submit(sdxl, { timeLimitMs: 2_500 });
    bench.nowMs += 10_000;
    bench.ready(1);
    expect(bench.last.wakeAtMs).toBe(bench.nowMs + 2_500);
    bench.pass(2_499);
    expect(bench.effects).toEqual([]);
    bench.pass(1);
    expect(bench.effects).toEqual(["cancel 1"]);
    bench.end(id, "cancelled");
    expect(bench.endOf(id)).toMatchObject({
      state: "failed",
      exitCode: 124,
      reason: { code: "time-limit", text: "it ran longer than its time limit of 2.5 s" },
    });
  });

  it("stops a command", () => {
    const bench = new Bench();
    bench.submit(command(), { timeLimitMs: 1_000 });
    bench.ready(1);
    bench.pass(1_000);
    expect(bench.effects).toEqual(["stop 1"]);
  });
});
