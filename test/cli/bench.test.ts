import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { addEchoRuntime } from "../kit/echo-runtime.ts";
import { startHost } from "../kit/host.ts";

interface Row {
  readonly runtime: string | null;
  readonly requests: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly perSecond: number;
  readonly latencyMs: {
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly max: number;
  };
  readonly runMs: { readonly p50: number };
  readonly workers: Record<string, number>;
  readonly errors: Record<string, number>;
}

const rowsOf = (text: string): Row[] => (JSON.parse(text) as { rows: Row[] }).rows;

describe("orch bench", () => {
  it("makes so many requests, so many at once, and says how they went", async () => {
    await using host = await startHost({ gpus: "virtual:2x24GiB" });
    addEchoRuntime(host, "echo", { slots: 4 });
    const words = ["--requests", "40", "--concurrency", "12", "--param", "text=hi", "--param", "seconds=0.1"];
    const answer = await host.cli("bench", "echo", ...words, "--report", "report.json", "--json");
    const { code, stdout } = answer;
    expect(answer.stderr, "no warning of Node's").toBe("");
    expect(code).toBe(0);
    const [row, ...others] = rowsOf(stdout);
    expect(others).toEqual([]);
    expect(row).toMatchObject({ runtime: "echo", requests: 40, succeeded: 40, failed: 0, errors: {} });
    expect(Object.values(row?.workers ?? {}).reduce((sum, count) => sum + count, 0)).toBe(40);
    expect(row?.runMs.p50).toBeGreaterThanOrEqual(100);
    const { p50 = 0, p90 = 0, p99 = 0, max = 0 } = row?.latencyMs ?? {};
    expect([p50, p90, p99, max]).toEqual([p50, p90, p99, max].toSorted((left, right) => left - right));
    expect(p50, "no more than four run at once").toBeGreaterThanOrEqual(190);
    expect(rowsOf(readFileSync(`${host.home}/report.json`, "utf8"))).toEqual([row]);
    const jobs = await host.client.call("GET /jobs", { filter: "labels.bench = echo", limit: 100 });
    expect(jobs.jobs.length).toBe(40);
  });

  it("loads several runtimes at the same time, and counts what fails by what went wrong", async () => {
    await using host = await startHost({ gpus: "virtual:2x24GiB" });
    for (const name of ["left", "right"]) addEchoRuntime(host, name, { slots: 2, vram: "20GiB" });
    const words = ["--models-concurrently", "-n", "10", "-c", "2", "--param", "text=hi"];
    const good = await host.cli("bench", "left", "right", ...words, "--json");
    expect(rowsOf(good.stdout).map(({ runtime, succeeded }) => [runtime, succeeded])).toEqual([
      ["left", 10],
      ["right", 10],
      [null, 20],
    ]);
    const bad = await host.cli("bench", "left", "-n", "4", "--param", "text=hi", "--param", "fail=true");
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/left +4 +4 +0/);
    expect(bad.stderr).toContain("left: failed 4");
    const refused = await host.cli("bench", "left", "-n", "3", "-c", "1", "--param", "seconds=1", "--json");
    expect(rowsOf(refused.stdout)[0]).toMatchObject({ failed: 3, errors: { "param/missing": 3 } });
  });

  it("asks each of several runtimes with what it has of the parameters", async () => {
    await using host = await startHost();
    const yaml = (name: string, param: string): string =>
      `name: ${name}\nprotocol: exec\ncommand: [test, "{${param}}", "=", "${name}"]\nparams: { ${param}: { type: string, required: true } }\n`;
    host.addRuntime("left", yaml("left", "prompt"));
    host.addRuntime("right", yaml("right", "audio"));
    const both = ["left", "right", "--models-concurrently", "-n", "2"];
    const given = ["--param", "prompt=left", "--param", "audio=right"];
    const good = await host.cli("bench", ...both, ...given);
    expect(good, good.stderr).toMatchObject({ code: 0 });
    const wrong = await host.cli("bench", ...both, ...given, "--param", "voice=x");
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr).toContain('none of left, right has a param "voice"');
    const piped = await host.cli("bench", ...both, "--params", "-");
    expect(piped).toMatchObject({ code: 2, stderr: expect.stringContaining("stdin can be read once only") });
  });

  it("has callers come one by one and stay, and refuses what contradicts itself", async () => {
    await using host = await startHost();
    addEchoRuntime(host, "echo", { slots: 3 });
    const words = [
      "--users",
      "3",
      "--ramp",
      "1s",
      "--hold",
      "1s",
      "--param",
      "text=hi",
      "--param",
      "seconds=0.1",
    ];
    const { stdout } = await host.cli("bench", "echo", ...words, "--json");
    const [row] = rowsOf(stdout);
    expect(row?.failed).toBe(0);
    expect(row?.succeeded).toBeGreaterThan(8);
    expect(row?.succeeded).toBeLessThanOrEqual(60);
    const both = await host.cli("bench", "echo", "--users", "3", "--requests", "5");
    expect(both).toMatchObject({ code: 2 });
    expect(both.stderr).toContain("both are given");
    expect((await host.cli("bench", "echo", "--hold", "5s")).stderr).toContain("--users 30 --hold 60s");
    expect(await host.cli("bench", "nothing")).toMatchObject({ code: 5 });
  });
});
