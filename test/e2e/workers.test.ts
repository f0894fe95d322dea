import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { WorkerView } from "../../src/protocol/views.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { addResidents, addRuntime } from "./runtimes.ts";
import { query, submit, untilOver, untilState, useOrch } from "./session.ts";

const createHome = useOrch();

/** A home with a daemon, one GPU of 1 GiB, and the runtimes `left` and `right` of which one fits on it. */
async function createHost(keepAlive?: string): Promise<OrchHome> {
  const home = createHome();
  addResidents(home, keepAlive);
  await home.daemon();
  return home;
}

async function liveWorkers(home: OrchHome): Promise<WorkerView[]> {
  return (await home.client.call("GET /workers", {})).workers;
}

describe("a worker", () => {
  it("that ends before it is ready fails its job with its last words, after three tries", async () => {
    await using home = createHome();
    addRuntime(home, "early", ["sh", "-c", "echo the model is damaged >&2; exit 3"]);
    await home.daemon();
    const job = await submit(home, "early");
    const waiting = await until("the second try is due", async () => {
      const { reason } = await home.client.call("GET /jobs/:job", { job });
      return reason?.code === "start-failed" && reason;
    });
    expect(waiting.text).toMatch(
      /ended before it was ready: exit code 3; its last words: the model is damaged/,
    );
    const { state, reason, exitCode } = await untilOver(home, job);
    expect([state, reason?.code, exitCode]).toEqual(["failed", "start-failed", 125]);
    expect(reason?.text).toContain("the model is damaged");
    expect(query(home, "SELECT state FROM workers")).toEqual(
      Array.from({ length: 3 }, () => ({ state: "failed" })),
    );
    expect(query(home, "SELECT * FROM leases WHERE released_at IS NULL")).toEqual([]);
  });

  it("that never gets ready is stopped at its deadline", async () => {
    await using home = createHome();
    addRuntime(home, "never", ["sleep", "60"], { ready: "300ms" });
    await home.daemon();
    const { state, reason } = await untilOver(home, await submit(home, "never"));
    expect([state, reason?.code]).toEqual(["failed", "start-failed"]);
    expect(reason?.text).toMatch(/never-\d+ .*(ready|300 ?ms|0\.3 ?s)/);
    expect(home.programs()).toEqual([]);
  });

  it("that crashes under a job is forgiven once: the job runs again on a new one", async () => {
    await using home = await createHost();
    const crash = join(home.dir, "crashed");
    const job = await submit(home, "left", "--tag", "second", "--crash", crash);
    expect(await untilOver(home, job)).toMatchObject({
      state: "succeeded",
      attempts: 2,
      output: { tag: "second" },
    });
    const { history } = await home.client.call("GET /jobs/:job", { job });
    expect(history.map(({ outcome, worker }) => [outcome, worker])).toEqual([
      ["lost", "left-1"],
      ["succeeded", "left-2"],
    ]);
  });

  it("that crashes again fails the job, with the reason", async () => {
    await using home = await createHost();
    const job = await submit(home, "left", "--deadly");
    const { state, attempts, reason } = await untilOver(home, job);
    expect([state, attempts, reason?.code]).toEqual(["failed", 2, "worker-lost"]);
    expect(reason?.text).toContain("left-2 ended while the job ran: exit code 9");
    const { code, stderr } = await home.orch(["wait", String(job)]);
    expect(code).not.toBe(0);
    expect(stderr).not.toContain("bug");
    expect((await untilOver(home, await submit(home, "left"))).state).toBe("succeeded");
  });

  it("that ignores TERM is killed after its grace [fault 23]", async () => {
    await using home = createHome();
    const script = "trap '' TERM; echo began; while :; do sleep 0.1; done";
    addRuntime(home, "stubborn", ["sh", "-c", script], { protocol: "exec", stop: "500ms" });
    await home.daemon();
    const job = await submit(home, "stubborn");
    await until("it runs", async () => (await home.orch(["logs", String(job)])).stdout === "began\n");
    const startMs = performance.now();
    await home.orch(["cancel", String(job)]);
    expect((await untilState(home, job, "running", "cancelled")).state).toBe("running");
    expect((await untilOver(home, job)).state).toBe("cancelled");
    expect(performance.now() - startMs).toBeGreaterThan(450);
    expect(performance.now() - startMs).toBeLessThan(5_000);
    expect(home.programs()).toEqual([]);
  });

  it("is stopped when nobody has needed it for its keepAlive", async () => {
    await using home = await createHost("300ms");
    const job = await untilOver(home, await submit(home, "left"));
    await until("it is gone", async () => (await liveWorkers(home)).length === 0);
    const [row] = query<{ gone: number; finished: number }>(
      home,
      "SELECT gone_at AS gone, (SELECT finished_at FROM jobs WHERE id = ?) AS finished FROM workers",
      job.id,
    );
    expect((row?.gone ?? 0) - (row?.finished ?? 0)).toBeGreaterThanOrEqual(300);
    expect((await home.orch(["events"])).stdout).toContain("left-1 stops (idle)");
    expect(home.programs()).toEqual([]);
  });
});

describe("orch workers", () => {
  it("start makes a worker ahead of its first job, stop ends it", async () => {
    await using home = await createHost();
    const started = await home.orch(["workers", "start", "left", "-q"]);
    expect(started).toMatchObject({ code: 0, stdout: "left-1\n" });
    await until("it is ready", async () => (await liveWorkers(home))[0]?.state === "ready");
    const job = await untilOver(home, await submit(home, "left"));
    expect(job.worker).toBe("left-1");
    expect((await home.orch(["workers", "stop", "left-1"])).code).toBe(0);
    await until("it is gone", async () => (await liveWorkers(home)).length === 0);
    const again = await home.orch(["workers", "stop", "left-1"]);
    expect(again.code).toBe(5);
    expect(again.stderr).toContain('there is no worker "left-1"');
  });

  it("switch puts another runtime on the GPU", async () => {
    await using home = await createHost();
    await untilOver(home, await submit(home, "left"));
    const switched = await home.orch(["workers", "switch", "right", "-q"]);
    expect(switched).toMatchObject({ code: 0, stdout: "right-2\n" });
    await until("it is ready", async () => {
      const workers = await liveWorkers(home);
      return workers.length === 1 && workers[0]?.name === "right-2" && workers[0].state === "ready";
    });
    expect((await untilOver(home, await submit(home, "right"))).worker).toBe("right-2");
  });

  it("switch lets what runs finish first", async () => {
    await using home = await createHost();
    const running = await submit(home, "left", "--ms", "600", "--tag", "finished");
    await untilState(home, running, "running");
    const switched = await home.orch(["workers", "switch", "right", "-q"]);
    expect(switched.stdout).toBe("right-2\n");
    expect(await untilOver(home, running)).toMatchObject({ state: "succeeded", output: { tag: "finished" } });
  });

  it("pin keeps a worker from being evicted, unpin lets it go", async () => {
    await using home = await createHost();
    await untilOver(home, await submit(home, "left"));
    expect((await home.orch(["workers", "pin", "left-1"])).code).toBe(0);
    const job = await submit(home, "right");
    const { reason } = await untilState(home, job, "queued");
    expect(reason?.code).toBe("gpu-busy");
    expect(reason?.text).toContain("left-1");
    // Something else happens meanwhile, so that the plan is made again.
    await untilOver(home, await submit(home, "left"));
    expect((await untilState(home, job, "queued")).attempts).toBe(0);
    expect((await home.orch(["workers", "unpin", "left-1"])).code).toBe(0);
    expect(await untilOver(home, job)).toMatchObject({ state: "succeeded", worker: "right-2" });
  });
});

describe("jobs of two runtimes that do not fit together", () => {
  it("cost far fewer switches than jobs, and their leases never overlap", async () => {
    await using home = await createHost();
    const lines = Array.from({ length: 12 }, (_, n) =>
      JSON.stringify({ runtime: n % 2 === 0 ? "left" : "right", params: { ms: 30, tag: `t${n}` } }),
    );
    const { code, stdout } = await home.orch(["submit", "--batch", "-", "-q"], {
      input: `${lines.join("\n")}\n`,
    });
    expect(code).toBe(0);
    const ids = stdout.trim().split("\n").map(Number);
    expect(ids).toHaveLength(12);
    const jobs = await Promise.all(ids.map((id) => untilOver(home, id)));
    expect(jobs.map(({ output }) => output)).toEqual(ids.map((_, n) => ({ tag: `t${n}` })));
    const leases = query<{ from: number; to: number | null; fence: number }>(
      home,
      `SELECT granted_at AS "from", released_at AS "to", fence FROM leases ORDER BY worker_id`,
    );
    expect(leases.length).toBeGreaterThanOrEqual(2);
    expect(leases.length).toBeLessThan(12);
    leases.slice(1).forEach((lease, index) => {
      const before = leases[index];
      expect(before?.to).not.toBeNull();
      expect(lease.from).toBeGreaterThanOrEqual(before?.to ?? Number.POSITIVE_INFINITY);
      expect(lease.fence).toBeGreaterThan(before?.fence ?? 0);
    });
  });
});
