import { describe, expect, it } from "vitest";
import type { DecisionView, EtaView } from "../../src/protocol/views.ts";
import { serveAnswers } from "../client/socket-server.ts";
import { orch } from "./captured-io.ts";
import { jobView } from "./sample-views.ts";

/** The clock of these tests stands at 2026-01-02T00:10:00Z. */
const inFourMinutes: EtaView = {
  at: "2026-01-02T00:14:00.000Z",
  inMs: 240_000,
  extrapolated: false,
  error: { meanMs: 45_000, share: 0.2, count: 31 },
};

const decision = (changes: Partial<DecisionView> = {}): DecisionView => ({
  at: "2026-01-02T00:10:00.000Z",
  inMs: 0,
  kind: "stop-worker",
  worker: "sdxl-1",
  job: null,
  lane: "sdxl",
  gpus: ["GPU-0a1b2c3d-0000-0000-0000-000000000000"],
  why: "makes room for flux",
  ...changes,
});

const whyAnswer = {
  job: jobView(),
  reason: { code: "gpu-busy", text: "GPU 0 is held by sdxl-1 (running job 7)" },
  position: 3,
  ahead: [40, 41],
  lane: "flux",
  lanesBefore: [
    { lane: "sdxl", jobs: 1 },
    { lane: "a command on 1 GPU", jobs: 4 },
  ],
  leaving: [{ worker: "embed-4", detail: "stopping (evicted)" }],
  evicts: [decision({ kind: "drain-worker" })],
  eta: inFourMinutes,
};

describe("orch why", () => {
  it("tells reason, place, who is ahead, who makes room and when it starts", async () => {
    await using server = await serveAnswers({ "GET /jobs/:job/why": () => whyAnswer });
    const { stdout } = await orch(["why", "42"], { socket: server.socket, env: { TZ: "UTC" } });
    expect(stdout.split("\n")).toEqual([
      "job         42 queued",
      "reason      gpu-busy",
      "why         GPU 0 is held by sdxl-1 (running job 7)",
      "lane        flux",
      "position    3",
      "behind      jobs 40, 41",
      "before it   sdxl (1 job); a command on 1 GPU (4 jobs)",
      "leaving     embed-4: stopping (evicted)",
      "will leave  drain sdxl-1, which makes room for flux",
      expect.stringMatching(
        /^starts {6}in 4 min, \d\d:\d4 \(past answers for this lane were off by 45 s, 20 %, on average over 31\)$/,
      ),
      "",
    ]);
    expect(JSON.parse((await orch(["why", "42", "--json"], server)).stdout)).toEqual(whyAnswer);
    expect((await orch(["why", "42", "-q"], server)).stdout).toBe("42\n");
  });

  it("leaves out what there is not, and says when it is a guess", async () => {
    const bare = {
      ...whyAnswer,
      position: null,
      ahead: [],
      lanesBefore: [],
      leaving: [],
      evicts: [],
      eta: { ...inFourMinutes, extrapolated: true, error: null },
    };
    await using server = await serveAnswers({ "GET /jobs/:job/why": () => bare });
    const { stdout } = await orch(["why", "42"], server);
    expect(stdout.split("\n").map((line) => line.split(" ")[0])).toEqual([
      "job",
      "reason",
      "why",
      "lane",
      "starts",
      "",
    ]);
    expect(stdout).toMatch(/^starts +about in 4 min, \d\d:\d4$/m);
  });
});

describe("orch plan", () => {
  const decisions = [
    decision(),
    decision({
      inMs: 95_000,
      kind: "start-worker",
      worker: "flux-2",
      lane: "flux",
      why: "job 42 is next of flux",
    }),
    decision({
      inMs: 100_000,
      kind: "start-job",
      worker: "flux-2",
      job: 42,
      lane: "flux",
      why: "runs about 45 s",
    }),
    decision({ inMs: 145_000, kind: "end-job", worker: "flux-2", job: 42, lane: "flux", why: "done" }),
  ];
  const until = "2026-01-02T00:12:25.000Z";

  it("prints the next decisions as a table, and how far they reach", async () => {
    await using server = await serveAnswers({ "GET /plan": () => ({ decisions, until, complete: true }) });
    expect(await orch(["plan"], server)).toEqual({
      code: 0,
      stderr: "2m 25s ahead; nothing is planned after that\n",
      stdout: [
        "    IN  WHAT                  LANE  GPUS          WHY",
        "   now  stop sdxl-1           sdxl  GPU-0a1b2c3d  makes room for flux",
        "1m 35s  start flux-2          flux  GPU-0a1b2c3d  job 42 is next of flux",
        "1m 40s  run job 42 on flux-2  flux  GPU-0a1b2c3d  runs about 45 s",
        "2m 25s  end job 42            flux  GPU-0a1b2c3d  done",
        "",
      ].join("\n"),
    });
    expect((await orch(["plan", "-q"], server)).stdout, "the jobs that start").toBe("42\n");
    expect(JSON.parse((await orch(["plan", "--json"], server)).stdout)).toEqual({
      decisions,
      until,
      complete: true,
    });
  });

  it.each([
    [["plan"], {}],
    [["plan", "-n", "7"], { limit: "7" }],
  ])("%j asks for %j", async (argv, input) => {
    await using server = await serveAnswers({
      "GET /plan": () => ({ decisions: [], until, complete: true }),
    });
    expect(await orch(argv, server)).toEqual({ code: 0, stdout: "", stderr: "nothing is planned\n" });
    expect(server.seen[0]?.input).toEqual(input);
  });

  it("refuses a count that is none", async () => {
    expect((await orch(["plan", "-n", "0"])).code).toBe(2);
  });
});

it("submit --dry-run says when it would start and who would make room", async () => {
  const view = {
    runtime: "sdxl",
    lane: "sdxl",
    params: {},
    lease: { gpus: 1, mode: "exclusive" as const, vramBytes: null },
    fits: true,
    placement: "on GPU 0 (24 GiB), once there is room",
    start: inFourMinutes,
    evicts: [decision()],
    command: ["python3", "handler.py"],
    env: {},
  };
  const { printDryRun } = await import("../../src/cli/submit/print-dry-run.ts");
  const lines: (readonly [string, string | number | null])[] = [];
  printDryRun(
    { fields: (pairs: typeof lines) => lines.push(...pairs) } as never,
    view,
    Date.parse("2026-01-02T00:10:00Z"),
  );
  const shown = Object.fromEntries(lines);
  expect(shown["starts"]).toMatch(/^in 4 min, \d\d:\d4 \(past answers/);
  expect(shown["makes room"]).toBe("stop sdxl-1: makes room for flux");
});
