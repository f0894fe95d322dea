import { describe, expect, it } from "vitest";
import { explainJob } from "../../src/scheduler/explain.ts";
import type { Verdict, VerdictCode } from "../../src/scheduler/model.ts";
import { verdict } from "../../src/scheduler/verdicts.ts";
import { Bench, command, GIB, model } from "../kit/scheduler.ts";

/** A host on which sdxl runs job 1 on both GPUs, and job 2 of flux waits. */
function host(): Bench {
  const bench = new Bench({ gpus: [{}, {}], policy: { cpuCores: 8, ramBytes: 64 * GIB } });
  bench.submit(model("sdxl", { gpuCount: 2 }));
  bench.ready(1);
  bench.submit(model("flux", { gpuCount: 2, cpuCores: 6, ramBytes: 40 * GIB }));
  return bench;
}

const both = ["GPU-1", "GPU-0"];

/** What each code says, as it is shown everywhere. */
const sentences: Readonly<Record<VerdictCode, readonly [Partial<Omit<Verdict, "code">>, string]>> = {
  next: [{}, "it is about to be planned"],
  "worker-starting": [{ workerId: 1 }, "sdxl-1 is starting: running job 1"],
  "worker-busy": [{ workerId: 1 }, "sdxl-1 has no free slot for more of flux: running job 1"],
  draining: [{ workerId: 1, gpus: both }, "sdxl-1 is making room on GPU 0, 1: running job 1"],
  "gpu-busy": [{ workerId: 1, gpus: both }, "GPU 0, 1 is held by sdxl-1 (running job 1)"],
  "gpu-reserved": [{ gpus: both }, "GPU 0, 1 is promised to others, whose turn comes first"],
  "gpu-foreign": [
    { gpus: both },
    'programs outside orch hold too much memory on GPU 0, 1; "orch gpus" names them',
  ],
  "gpu-unavailable": [{}, 'it needs 2 healthy GPUs, and there are 2; "orch gpus" says what is wrong'],
  "cpu-busy": [{}, 'it needs 6 of 8 CPU cores, and too many are in use; "orch top" shows by whom'],
  "ram-busy": [{}, 'it needs 40 GiB of memory, and too much of 64 GiB is in use; "orch top" shows by whom'],
  quota: [
    { account: "gpuHours of user:alice", untilMs: 1_060_000 },
    'the quota is used up for 1m 00s more (gpuHours of user:alice); "orch quotas" shows it',
  ],
  preparing: [{}, "its Python environment is being built (0 ms); no GPU is held meanwhile"],
  "start-failed": [{ untilMs: 1_004_000 }, "its worker failed to start (no such file); next try in 4.0 s"],
  stopping: [{}, 'the daemon is stopping; the job waits for the next one ("orch up")'],
};

describe("a lane's reason", () => {
  it.each(Object.entries(sentences))("%s", (code, [about, text]) => {
    const bench = host();
    const job = bench.job(2);
    job.lane.lastStartError = "no such file";
    job.lane.verdict = verdict(code as VerdictCode, about);
    expect(explainJob(bench.state, job, bench.nowMs)).toEqual({ code, text });
  });

  it("names a pinned worker's way out, and goes without names where there are none", () => {
    const bench = host();
    const job = bench.job(2);
    bench.worker(1).pinned = true;
    job.lane.verdict = verdict("gpu-busy", { workerId: 1, gpus: ["GPU-0"] });
    expect(bench.why(2)?.text).toBe(
      'GPU 0 is held by sdxl-1 (running job 1, pinned: "orch workers unpin sdxl-1" lets it go)',
    );
    const nameless: [VerdictCode, string][] = [
      ["worker-starting", "its worker is starting"],
      ["worker-busy", "the worker of flux has no free slot"],
      ["draining", "the GPU is being freed"],
      ["gpu-busy", 'the GPU is held by another worker; "orch gpus" shows by which'],
      ["quota", 'the quota is used up (of all whose jobs wait here); "orch quotas" shows it'],
    ];
    for (const [code, text] of nameless) {
      job.lane.verdict = verdict(code, { workerId: 99 });
      expect(bench.why(2)).toEqual({ code, text });
    }
  });

  it("counts the GPUs that are healthy", () => {
    const bench = new Bench({ gpus: [{ healthy: false }] });
    bench.submit(model("a"));
    expect(bench.why(1)).toEqual({
      code: "gpu-unavailable",
      text: 'it needs a healthy GPU, and there are 0; "orch gpus" says what is wrong',
    });
  });
});

describe("a job's own reason", () => {
  const dependsOn = (bench: Bench, count: number) =>
    Array.from({ length: count }, () => bench.submit(model("m"), { hold: true })).map((jobId) => ({
      jobId,
      condition: "succeeded" as const,
      outcome: "live" as const,
    }));

  it("is why it is held", () => {
    const bench = new Bench();
    const held = bench.submit(model("m"), { hold: true });
    const later = bench.submit(model("m"), { notBeforeMs: bench.nowMs + 90_000 });
    const after = dependsOn(bench, 7);
    const few = bench.submit(model("m"), { after: after.slice(0, 2) });
    const many = bench.submit(model("m"), { after });
    expect(bench.why(held)).toEqual({
      code: "held",
      text: `held by a person; "orch release ${held}" lets it go`,
    });
    expect(bench.why(later)).toEqual({ code: "begin", text: "starts 1970-01-01 00:18:10 UTC, in 1m 30s" });
    expect(bench.why(few)).toEqual({
      code: "dependency",
      text: "waits for job 3 to succeed, job 4 to succeed",
    });
    expect(bench.why(many)?.text).toMatch(/^waits for job 3 to succeed, .*job 7 to succeed and 2 more$/);
  });

  it("is how its start goes, when it is tried again, and how it is stopped", () => {
    const bench = new Bench();
    const job = bench.submit(command("run", { stopTimeoutMs: 5_000 }), { retries: 1, retryDelayMs: 2_000 });
    expect(bench.why(job)).toEqual({
      code: "starting",
      text: "run-1: waits until the driver reports the memory free",
    });
    bench.ready(1);
    expect(bench.why(job)).toBeNull();
    bench.exit(1, { kind: "failed", exitCode: 1, message: null, output: null, artifacts: null });
    expect(bench.why(job)).toMatchObject({
      code: "retry",
      text: expect.stringMatching(/^attempt 1 failed; tried again in \d/),
    });
    bench.pass(3_000);
    bench.ready(2);
    bench.ask({ type: "cancel", jobId: job });
    expect(bench.why(job)).toEqual({ code: "ending", text: "it is being stopped (cancelled)" });
  });
});
