import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SimReport } from "../../src/replay/report.ts";
import { sharedOrch } from "../kit/built-orch.ts";
import { createOrchHome } from "../kit/orch-home.ts";
import { orch } from "./captured-io.ts";

let cwd: string;
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), "orch-sim-"));
  writeFileSync(join(cwd, "t.csv"), "arrival_s,model,run_s\n0,a,5\n1,a,5\n2,b,3\n");
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

describe("orch sim", () => {
  it("prints a table: one line per policy", async () => {
    expect(await orch(["sim", "t.csv", "--switch", "10s"], { cwd })).toEqual({
      code: 0,
      stderr: "",
      stdout: [
        "POLICY  JOBS  SWITCHES  MEAN_S  P50_S  P95_S  P99_S  MAX_S  MAKESPAN_S   BUSY  SWITCHING",
        "orch       3         2    17.3   14.0   28.0   28.0   28.0        33.0  39.4%      60.6%",
        "",
      ].join("\n"),
    });
  });

  it("prints one document with --json, names with -q", async () => {
    const { stdout, code } = await orch(["sim", "t.csv", "--stop", "1s", "--gpus", "2", "--json"], { cwd });
    const report = JSON.parse(stdout) as SimReport;
    expect(code).toBe(0);
    expect(report.host).toEqual({
      gpus: 2,
      gpuBytes: 24 * 2 ** 30,
      residents: 1,
      replicas: 1,
      switchS: 22,
      stopS: 1,
    });
    expect(report.trace).toMatchObject({
      name: "t.csv",
      jobs: 3,
      models: 2,
      spanS: 2,
      workS: 13,
      outOfOrder: 0,
    });
    expect(report.policies[0]?.models.map(({ model, waitS }) => [model, waitS.max])).toEqual([
      ["a", 26],
      ["b", 22],
    ]);
    expect((await orch(["sim", "t.csv", "--policy", "eager,orch", "-q"], { cwd })).stdout).toBe(
      "eager\norch\n",
    );
  });

  it("reads stdin, and says when it sorted", async () => {
    const stdin = "arrival_s,model,run_s\n9,a,5\n0,a,5\n";
    const { code, stderr } = await orch(["sim", "-"], { cwd, stdin });
    expect([code, stderr]).toEqual([0, "1 of 2 lines were not in order of arrival; they were sorted\n"]);
    expect((await orch(["sim", "-"], { cwd, stdin: "" })).stderr).toContain("error: stdin is empty");
  });

  it("writes a page", async () => {
    const { code, stderr } = await orch(["sim", "t.csv", "--html", "report.html"], { cwd });
    expect([code, stderr]).toEqual([0, "wrote report.html\n"]);
    expect(readFileSync(join(cwd, "report.html"), "utf8")).toContain("<h1>orch sim t.csv</h1>");
    const failed = await orch(["sim", "t.csv", "--html", "nowhere/report.html"], { cwd });
    expect(failed).toMatchObject({ code: 2, stdout: "" });
    expect(failed.stderr).toMatch(/cannot write .*nowhere\/report.html\n {2}why: ENOENT/);
  });

  it.each([
    [["nothing.csv"], 'error: there is no file "nothing.csv"'],
    [["."], 'error: cannot read "."\n  why: EISDIR'],
    [["t.csv", "--policy", "best"], 'error: there is no policy "best"\n  why: the policies are orch'],
    [["t.csv", "--gpus", "0"], 'error: --gpus: "0" is not a whole number from 1'],
    [["t.csv", "--residents", "none"], 'error: --residents: "none" is not a whole number'],
    [["t.csv", "--switch", "-1s"], 'error: --switch: "-1s" is not a duration'],
    [["t.csv", "--vram", "0"], "error: --vram: a GPU has some memory"],
    [[], "error: missing required argument 'trace'"],
  ])("refuses %j", async (argv, message) => {
    const { code, stdout, stderr } = await orch(["sim", ...argv], { cwd });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });
});

describe("the built program", () => {
  it("replays without a daemon, from a bundle that no other command loads", async () => {
    await using home = createOrchHome(await sharedOrch());
    home.write("t.csv", "arrival_s,model,run_s\n0,a,5\n0,a,nine\n");
    const bad = await home.orch(["sim", "t.csv"]);
    expect(bad).toMatchObject({ code: 2, stdout: "" });
    expect(bad.stderr).toContain('error: t.csv:3: run_s is "nine", not a number\n  why: a trace is CSV');
    const good = await home.orch(["sim", "-", "-q"], { input: "arrival_s,model,run_s\n0,a,5\n" });
    expect(good).toEqual({ code: 0, stdout: "orch\n", stderr: "" });
    expect((await home.orch(["status", "--no-autostart"])).code, "no daemon was started").toBe(3);
    const cli = readFileSync(join(home.bin, "../../dist/cli.cjs"), "utf8");
    expect(cli).toContain('"./replay.cjs"');
    expect(cli).not.toContain("is leased already");
    expect(readFileSync(join(home.bin, "../../dist/replay.cjs"), "utf8")).toContain("is leased already");
  });
});
