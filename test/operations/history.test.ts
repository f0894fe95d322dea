import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SimReport } from "../../src/replay/report.ts";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { type Host, startHost } from "../kit/host.ts";

let host: Host;
beforeAll(async () => {
  host = await startHost({ gpus: "virtual:2x24GiB" });
  addEchoRuntime(host, "echo", { gpus: 1, mode: "shared", vram: "6GiB" });
});
afterAll(() => host[Symbol.asyncDispose]());

async function submitEcho(voice: string): Promise<void> {
  const params = { text: "hi", voice };
  const job = await host.client.call("POST /jobs", { runtime: "echo", params });
  await host.until(job.id, "succeeded");
}

describe("history", () => {
  test("of a host where nothing has finished is empty", async () => {
    expect(await host.client.call("GET /history", {})).toEqual({ jobs: 0, since: null, runtimes: [] });
    expect((await host.cli("history")).stderr).toContain("no job has finished yet");
    const { stdout } = await host.cli("history", "--trace");
    expect(stdout).toBe("arrival_s,model,run_s,user,priority,gpus,vram_gib\n");
  });

  test("counts waits, runs and switches by runtime, of the newest jobs", async () => {
    for (const voice of ["low", "low", "high"]) await submitEcho(voice);
    const wide = await host.sh("exit 3", { gpus: 2 });
    await host.until(wide.id, "failed");
    const held = await host.sh("true", { options: { hold: true } });
    await host.client.call("POST /jobs/:job/cancel", { job: held.id });
    const waiting = await host.sh("true", { options: { hold: true } });

    const { jobs, since, runtimes } = await host.client.call("GET /history", {});
    expect([jobs, since === null]).toEqual([5, false]);
    expect(
      runtimes.map(({ runtime, ...row }) => [runtime, row.jobs, row.failed, row.cancelled, row.switches]),
    ).toEqual([
      ["echo", 3, 0, 0, 2],
      ["run", 2, 1, 1, 0],
    ]);
    const [echo, run] = runtimes;
    expect(echo?.startMs?.p50).toBeGreaterThan(0);
    expect(echo?.waitMs?.max, "the first of a voice waited for its worker").toBeGreaterThan(
      echo?.waitMs?.p50 ?? 0,
    );
    expect(run).toMatchObject({ startMs: null, runMs: { max: expect.any(Number) } });
    const newest = await host.client.call("GET /history", { limit: 2 });
    expect(newest.runtimes.map((row) => [row.runtime, row.jobs])).toEqual([["run", 2]]);
    expect((await host.cli("history")).stdout).toMatch(/^RUNTIME .*\necho +3 +0 .*\nrun +2 +1 /);
    await host.client.call("POST /jobs/:job/cancel", { job: waiting.id });
  });

  test("as a trace has every job that ran, oldest first, and can be replayed", async () => {
    const { stdout } = await host.cli("history", "--trace");
    const [head, ...lines] = stdout.trimEnd().split("\n");
    expect(head).toBe("arrival_s,model,run_s,user,priority,gpus,vram_gib");
    const rows = lines.map((line) => line.split(","));
    expect(rows.map(([, , , , , gpus, vramGib]) => [gpus, vramGib])).toEqual([
      ["1", "6"],
      ["1", "6"],
      ["1", "6"],
      ["2", ""],
    ]);
    expect(rows[0]?.[0]).toBe("0");
    const [first] = (await host.client.call("GET /jobs", {})).jobs.toReversed();
    const ranMs = Date.parse(first?.finishedAt ?? "") - Date.parse(first?.startedAt ?? "");
    expect(rows[0]?.[2], "the run alone, not the wait").toBe(String(ranMs / 1000));
    expect(new Set(rows.map(([, model]) => model)).size, "two voices and a command").toBe(3);
    const arrivals = rows.map(([arrival]) => Number(arrival));
    expect(arrivals).toEqual(arrivals.toSorted((left, right) => left - right));

    const file = join(host.home, "trace.csv");
    writeFileSync(file, stdout);
    const replayed = await host.cli("sim", file, "--gpus", "2", "--switch", "1s", "--json");
    expect(replayed).toMatchObject({ code: 0, stderr: "" });
    const report = JSON.parse(replayed.stdout) as SimReport;
    expect(report.policies[0]).toMatchObject({ jobs: 4, switches: 3 });
  });

  test("as JSON lines carries what the CSV has, page after page", async () => {
    const many = Array.from({ length: 520 }, () => host.sh("exit 0"));
    const last = (await Promise.all(many)).map((job) => job.id).sort((left, right) => right - left);
    for (const id of last) await host.until(id, "succeeded");
    const { stdout } = await host.cli("history", "--trace", "--json");
    const ids = stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { job: number }).job);
    expect(ids).toHaveLength(524);
    expect(ids).toEqual(ids.toSorted((left, right) => left - right));
  }, 60_000);
});
