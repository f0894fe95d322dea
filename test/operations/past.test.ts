import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { buildFakeNvml, type FakeNvml, whyNoFakeNvml } from "../kit/fake-nvml.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";

describe("retry --failed, stats and prune", () => {
  let host: Host;
  beforeAll(async () => {
    host = await startHost({ config: "cpuCores: 4\nenergyPrice: 0.5\n" });
    addEchoRuntime(host, "echo");
  });
  afterAll(() => host[Symbol.asyncDispose]());

  const stateOf = async (job: number) => (await host.client.call("GET /jobs/:job", { job })).state;

  test("retry --failed queues each failed job once, of that runtime and time", async () => {
    const [bad, worse] = await Promise.all([host.sh("exit 1"), host.sh("exit 2")]);
    const good = await host.sh("true");
    const params = { text: "x", fail: true };
    const told = await host.client.call("POST /jobs", { runtime: "echo", params });
    for (const { id } of [bad, worse, told]) await host.until(id, "failed");
    await host.until(good.id, "succeeded");
    const ofRuntime = await host.cli("retry", "--failed", "--runtime", "echo");
    expect(ofRuntime).toMatchObject({ code: 0, stdout: `job 5 queued, as job ${told.id} was\n`, stderr: "" });
    await host.until(5, "failed");
    const first = await host.cli("retry", "--failed", "--since", "1h", "-q");
    const ids = first.stdout.trim().split("\n").map(Number);
    expect(ids, "jobs 1, 2 and 5").toHaveLength(3);
    for (const id of ids) await host.until(id, "failed");
    // These failed again, and are retried in their turn; what was retried is not retried twice.
    const again = await host.cli("retry", "--failed", "--json");
    const { retried } = JSON.parse(again.stdout) as { retried: { job: number }[] };
    expect(retried.map(({ job }) => job)).toEqual(ids);
    expect((await host.cli("retry", "--failed", "--since", "2020-01-01", "--runtime", "none")).stdout).toBe(
      "no failed jobs that were not retried\n",
    );
    expect((await host.cli("retry", "--failed", "7")).code).toBe(2);
    expect((await host.cli("retry", "--since", "1h", "7")).code).toBe(2);
  });

  test("stats adds up what jobs took, by runtime and user", async () => {
    const job = await host.sh("sleep 0.3", { gpus: 1 });
    await host.until(job.id, "succeeded");
    const half = await host.sh("sleep 0.3", { gpus: 1, mode: "shared", vramBytes: 12 * 2 ** 30 });
    await host.until(half.id, "succeeded");
    const { usage, total, energyPrice } = await host.client.call("GET /stats", {});
    expect(energyPrice).toBe(0.5);
    const run = usage.find(({ runtime }) => runtime === "run");
    // 1.5 GPUs for about 0.3 s; other jobs had none.
    expect((run?.gpuHours ?? 0) * 3600).toBeGreaterThan(0.44);
    expect((run?.gpuHours ?? 0) * 3600).toBeLessThan(2);
    expect(run?.runMs?.p99).toBeGreaterThanOrEqual(300);
    expect(run?.waitMs?.p50).toBeLessThan(5000);
    expect(usage.find(({ runtime }) => runtime === "echo")).toMatchObject({ switches: 1 });
    expect(total).toMatchObject({ runtime: null, user: null, energyKwh: null, cost: null });
    expect(total.jobs).toBe(usage.reduce((sum, { jobs }) => sum + jobs, 0));
    expect(total.failed).toBe(usage.reduce((sum, { failed }) => sum + failed, 0));
    const byUser = await host.client.call("GET /stats", { by: "user" });
    expect(byUser.usage).toEqual([{ ...total, user: expect.any(String) }]);
    const none = await host.client.call("GET /stats", { since: "2100-01-01T00:00:00Z" });
    expect(none).toMatchObject({ jobs: 0, since: null, usage: [], total: { waitMs: null, gpuHours: 0 } });
    const shown = await host.cli("stats", "--since", "1h");
    expect(shown.stdout).toMatch(/^RUNTIME +USER +JOBS +FAILED +GPU-HOURS +WAIT P50/);
    expect(shown.stderr).toMatch(new RegExp(`^${total.jobs} jobs, (<0.001|[\\d.]+) GPU-hours\n$`));
    expect((await host.cli("stats", "--by", "day")).code).toBe(2);
  });

  test("prune removes what ended before then with its files, and nothing else", async () => {
    const secret = await host.sh("echo gone", { env: { TOKEN: "once" } });
    await host.until(secret.id, "succeeded");
    const { logPath } = await host.client.call("GET /jobs/:job", { job: secret.id });
    const once = { command: ["true"], cwd: "/", idempotencyKey: "nightly-7" };
    await host.until((await host.client.call("POST /jobs/run", once)).id, "succeeded");
    const before = Date.now();
    const kept = await host.sh("true");
    await host.until(kept.id, "succeeded");
    const held = await host.sh("true", { options: { hold: true } });
    const countOf = async () => (await host.client.call("GET /status", {})).jobs;
    const counts = await countOf();
    const asked = { before: new Date(before).toISOString(), states: ["succeeded" as const] };
    const dry = await host.client.call("POST /jobs/prune", { ...asked, dryRun: true });
    expect(dry.bytes).toBeGreaterThan(0);
    expect(existsSync(logPath)).toBe(true);
    expect(await host.cli("prune", "--older-than", asked.before)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("nobody can be asked whether that is meant"),
    });
    const done = await host.cli("prune", "--older-than", asked.before, "--state", "succeeded", "--yes");
    expect(done).toMatchObject({ code: 0, stderr: "" });
    expect(done.stdout).toMatch(new RegExp(`^${dry.jobs} jobs with .*B of files removed\n$`));
    expect(existsSync(logPath)).toBe(false);
    await refusal("job/unknown", host.client.call("GET /jobs/:job", { job: secret.id }));
    await refusal("job/unknown", host.client.call("POST /jobs/run", once));
    expect(await stateOf(kept.id)).toBe("succeeded");
    expect(await stateOf(held.id)).toBe("held");
    const after = await countOf();
    expect(after).toEqual({ ...counts, succeeded: counts.succeeded - dry.jobs });
    const events = [];
    for await (const event of host.client.stream("GET /events", { after: 0 })) events.push(event);
    expect(events.filter(({ job }) => job === secret.id)).toEqual([]);
    expect(events.at(-1)).toMatchObject({ type: "jobs-forgotten" });
    await host.client.call("POST /jobs/:job/cancel", { job: held.id });
    // The newest job stays: after a restart the next id follows from it.
    expect((await host.cli("prune", "--older-than", "0s", "--yes")).code).toBe(0);
    expect(await stateOf(held.id)).toBe("cancelled");
    await host.kill();
    await host.start();
    expect((await host.sh("true", { env: { TOKEN: "once" } })).id).toBe(held.id + 1);
  });
});

const why = await whyNoFakeNvml();

test.skipIf(why !== null)(
  `energy is measured while a job runs${why === null ? "" : ` (${why})`}`,
  async () => {
    const fake: FakeNvml = await buildFakeNvml();
    try {
      await fake.play({ gpus: [{ uuid: "GPU-aaaa", totalBytes: 80 * 2 ** 30, usedBytes: 0 }] });
      await using host = await startHost({
        gpus: "nvml",
        config: "energyPrice: 1000000\n",
        env: { ORCH_NVML_LIBRARY: fake.libraryPath, ORCH_FAKE_NVML: fake.env["ORCH_FAKE_NVML"] ?? "" },
      });
      const job = await host.sh("sleep 2.5", { gpus: 1 });
      const blind = await host.sh("sleep 0.1");
      await host.until(job.id, "succeeded");
      await host.until(blind.id, "succeeded");
      const { total } = await host.client.call("GET /stats", {});
      const joules = (total.energyKwh ?? 0) * 3_600_000;
      // 76.543 W, sampled every second and now and then between.
      expect(joules).toBeGreaterThan(76);
      expect(joules).toBeLessThan(76.543 * 5);
      expect(total.cost).toBeCloseTo((total.energyKwh ?? 0) * 1_000_000, 6);
      expect((await host.cli("stats")).stderr).toMatch(
        /about (<0\.001|[\d.]+) kWh \(the GPUs' power while jobs ran\) for \d/,
      );
    } finally {
      await fake.remove();
    }
  },
);
