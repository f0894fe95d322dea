import { describe, expect, it } from "vitest";
import { readPastTime } from "../../src/cli/submit/past-time.ts";
import { serveAnswers } from "../client/socket-server.ts";
import { orch } from "./captured-io.ts";
import { jobView, logLine } from "./sample-views.ts";

const other = { job: 43, cursor: "43.1@2" };

describe("orch logs", () => {
  it("puts whose it is before each line of several, in colours where there are colours", async () => {
    const lines = [logLine("a\nb\n"), logLine("c\n", other), logLine("d")];
    await using server = await serveAnswers({ "GET /logs": () => lines });
    expect((await orch(["logs", "42", "43"], server)).stdout).toBe(
      "job 42 | a\njob 42 | b\njob 43 | c\njob 42 | d\n",
    );
    const coloured = await orch(["logs", "42", "43"], { socket: server.socket, env: { FORCE_COLOR: "1" } });
    expect(coloured.stdout).toContain("\u001b[36mjob 42\u001b[39m | a\n");
    expect(coloured.stdout).toContain("\u001b[33mjob 43\u001b[39m | c\n");
  });

  it("makes the names equally wide, and shows of a bar drawn over itself what was last to be seen", async () => {
    const lines = [logLine("10%\r20%\r\n30%\r40%\n"), logLine("c\n", { job: 7, cursor: "7.1@2" })];
    await using server = await serveAnswers({ "GET /logs": () => lines });
    expect((await orch(["logs", "42", "7", "sdxl-13"], server)).stdout).toBe(
      "job 42  | 20%\njob 42  | 40%\njob 7   | c\n",
    );
  });

  it("asks for what was typed, with times as points in time", async () => {
    await using server = await serveAnswers({ "GET /logs": () => [] });
    const flags = [
      "--since",
      "10m",
      "--until",
      "2026-01-02T00:09:00Z",
      "--grep",
      "a|b",
      "-i",
      "-v",
      "-n",
      "5",
    ];
    await orch(["logs", "7,8", "sdxl-3", "w4", "--daemon", "--jsonl", ...flags], server);
    expect(server.seen[0]?.input).toEqual({
      jobs: "7,8",
      workers: "sdxl-3,w4",
      daemon: "true",
      lines: "true",
      since: "2026-01-02T00:00:00.000Z",
      until: "2026-01-02T00:09:00.000Z",
      grep: "a|b",
      ignoreCase: "true",
      invert: "true",
      tail: "5",
    });
  });

  it("--jsonl prints one object a line", async () => {
    const lines = [logLine("a"), logLine("b", other)];
    await using server = await serveAnswers({ "GET /logs": () => lines });
    const { stdout } = await orch(["logs", "42", "43", "--jsonl"], server);
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(lines);
  });

  it.each([
    [[], "whose log is wanted"],
    [["1", "--since", "yesterdayish"], "--since"],
    [["1", "--tail", "x"], "--tail"],
  ])("%j is wrong usage", async (args, words) => {
    await using server = await serveAnswers({ "GET /logs": () => [] });
    const run = await orch(["logs", ...args], server);
    expect(run).toMatchObject({ code: 2, stdout: "" });
    expect(run.stderr).toContain(words);
  });
});

describe("a correlation id", () => {
  it("is passed on from the environment of the job that submits, unless another is given", async () => {
    await using server = await serveAnswers({ "POST /jobs/run": () => jobView() });
    const options = { socket: server.socket, env: { ORCH_CORRELATION: "outer" } };
    const sent = async (...flags: string[]): Promise<unknown> => {
      await orch(["run", "-d", ...flags, "--", "true"], options);
      return server.seen.at(-1)?.input["options"];
    };
    expect(await sent()).toEqual({ correlation: "outer" });
    expect(await sent("--correlation", "own")).toEqual({ correlation: "own" });
  });
});

describe("a time that lies behind", () => {
  const now = Date.parse("2026-01-02T12:00:00Z");
  it.each([
    ["10m", now - 600_000],
    ["1h30m", now - 5_400_000],
    ["-90s", now - 90_000],
    ["2026-01-01T00:00:00Z", Date.parse("2026-01-01T00:00:00Z")],
    ["@1790000000", 1_790_000_000_000],
  ])("%s", (text, atMs) => expect(readPastTime(text, now)).toBe(atMs));

  it("a time of day is the last one that was", () => {
    for (const text of ["00:00", "11:59", "12:01", "23:59", "9am", "noon"]) {
      const atMs = readPastTime(text, now);
      expect(atMs, text).toBeLessThanOrEqual(now);
      expect(now - atMs, text).toBeLessThan(25 * 3_600_000);
    }
  });
});
