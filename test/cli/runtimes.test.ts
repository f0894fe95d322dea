import { expect, it } from "vitest";
import type { LaneView } from "../../src/protocol/learned-view.ts";
import { serveAnswers } from "../client/socket-server.ts";
import { orch } from "./captured-io.ts";
import { sdxl } from "./sample-views.ts";

const GIB = 2 ** 30;

const lane: LaneView = {
  lane: "sdxl",
  workers: 1,
  queued: 4,
  home: 1,
  startMs: 21_000,
  sleep: null,
  stopMs: 900,
  run: { meanMs: 4_200, deviationMs: 310, count: 12 },
  switchMs: 21_900,
  quantumMs: 219_000,
  vram: { declaredBytes: 12 * GIB, peakBytes: 9 * GIB, floorBytes: null, nextLeaseBytes: 9.9 * GIB },
  etaError: { meanMs: 2_000, deviationMs: 700, count: 3 },
};

const fresh: LaneView = {
  ...lane,
  lane: "sdxl?model=new",
  workers: 0,
  queued: 0,
  home: 0,
  startMs: null,
  stopMs: null,
  run: null,
  switchMs: 10_000,
  quantumMs: 100_000,
  vram: { declaredBytes: null, peakBytes: null, floorBytes: 18 * GIB, nextLeaseBytes: null },
  etaError: null,
};

it("show prints what was learned of each lane in words, and leaves out what was not", async () => {
  const groups = [
    { group: "steps=~32&size=large", run: { meanMs: 9_000, deviationMs: 400, count: 5 } },
    { group: "steps=~64&size=large", run: { meanMs: 17_000, deviationMs: 0, count: 1 } },
  ];
  const view = { ...sdxl, lanes: [lane, fresh], groups };
  await using server = await serveAnswers({ "GET /runtimes/:runtime": () => view });
  const { stdout } = await orch(["runtimes", "show", "sdxl"], server);
  const learned = stdout.slice(stdout.indexOf("\nlane ") + 1);
  expect(learned.split("\n").map((line) => line.replaceAll(/ {2,}/g, "  "))).toEqual([
    "lane  sdxl",
    "workers  1, 4 jobs queued, 1 kept while there is room",
    "start  21 s",
    "stop  900 ms",
    "run  4.2 s ± 310 ms (12)",
    "switch cost  22 s",
    "quantum  3m 39s",
    "vram  12 GiB declared, 9 GiB measured, next lease 9.9 GiB",
    "eta error  2.0 s ± 700 ms (3)",
    "",
    "lane  sdxl?model=new",
    "workers  0, 0 jobs queued",
    "start  not measured yet",
    "switch cost  10 s (assumed)",
    "quantum  1m 40s",
    "vram  the whole GPU, at least 18 GiB since it ran out of memory",
    "",
    "JOBS LIKE  RUN",
    "steps=~32 size=large  9.0 s ± 400 ms (5)",
    "steps=~64 size=large  17 s (1)",
    "",
  ]);
  expect(JSON.parse((await orch(["runtimes", "show", "sdxl", "--json"], server)).stdout)).toEqual(view);
});

it("ls shows what a switch costs, where it was measured", async () => {
  const runtimes = [
    { ...sdxl, switchMs: 21_900 },
    { ...sdxl, name: "new" },
  ];
  await using server = await serveAnswers({ "GET /runtimes": () => ({ runtimes }) });
  const { stdout } = await orch(["runtimes"], server);
  expect(stdout).toMatch(/^NAME +ORIGIN +ENGINE +GPUS +SWITCH +SUMMARY/);
  expect(stdout).toMatch(/^sdxl .* 22 s +Text to image/m);
  expect(stdout).toMatch(/^new .* - +Text to image/m);
});

it("forget says what is learned anew", async () => {
  const answer = { runtime: "sdxl", lanes: ["sdxl", "sdxl?model=new"] };
  await using server = await serveAnswers({ "POST /runtimes/:runtime/forget": () => answer });
  const { stdout } = await orch(["runtimes", "forget", "sdxl"], server);
  expect(stdout).toBe("times and memory of sdxl, sdxl?model=new are learned anew\n");
});
