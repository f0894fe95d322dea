import { describe, expect, it } from "vitest";
import { forecastStart } from "../../src/scheduler/forecast.ts";
import { Bench, command, model } from "../kit/scheduler.ts";

const sdxl = model("sdxl", { needsPreparation: "environment" });
const flux = model("flux", { needsPreparation: "image" });
const llama = model("llama");
const prepared = { type: "lane-prepared", laneKey: "sdxl" } as const;
const failed = { type: "lane-prepare-failed", laneKey: "sdxl", message: "no space left on device" } as const;

describe("preparing before the lease", () => {
  it("[fault 41] holds no GPU and evicts nobody while an image is pulled, and says so", () => {
    const bench = new Bench();
    bench.submit(llama);
    bench.ready(1);
    bench.end(1);
    const id = bench.submit(flux);
    expect(bench.effects).toEqual(["prepare flux"]);
    bench.pass(130_000);
    expect(bench.effects).toEqual([]);
    expect(bench.worker(1).phase.state).toBe("ready");
    expect(bench.why(id)).toEqual({
      code: "preparing",
      text: "its image is being made ready (2m 10s); no GPU is held meanwhile",
    });
    bench.send({ type: "lane-prepared", laneKey: "flux" });
    expect(bench.effects).toEqual(["stop 1"]);
  });

  it("lets others have the GPU meanwhile", () => {
    const bench = new Bench();
    bench.submit(sdxl, { priority: 9 });
    const other = bench.submit(command());
    expect(bench.effects).toEqual(["start 1"]);
    expect(bench.stateOf(other)).toBe("starting");
  });

  it("costs a lane that needs nothing no event, and one that is prepared none either", () => {
    const bench = new Bench();
    bench.submit(llama);
    expect(bench.effects).toEqual(["start 1"]);
    bench.exit(1);
    const again = new Bench();
    again.submit(sdxl);
    again.send(prepared);
    again.ready(1);
    again.end(1);
    again.submit(sdxl);
    expect(again.effects).toEqual(["run 2 on 1"]);
  });

  it("[fault 41] is tried again later when it fails, and the third time the first job learns why", () => {
    const bench = new Bench();
    const [first, second] = [bench.submit(sdxl), bench.submit(sdxl)];
    for (let tries = 1; tries <= 3; tries++) {
      bench.send(failed);
      expect(bench.why(second)).toMatchObject({ code: "start-failed" });
      expect(bench.why(second)?.text).toMatch("no space left on device");
      expect(bench.stateOf(first)).toBe(tries < 3 ? "queued" : "failed");
      if (tries === 3) expect(bench.endOf(first).reason?.text).toBe("no space left on device");
      bench.pass(4_000);
      expect(bench.effects).toEqual(["prepare sdxl"]);
    }
    bench.send(prepared);
    expect(bench.effects).toEqual(["start 1"]);
  });

  it("is made anew when a start finds it gone", () => {
    const bench = new Bench();
    bench.submit(sdxl);
    bench.send(prepared);
    const message = "its environment was removed";
    bench.send({ type: "worker-start-failed", workerId: 1, cause: "unprepared", message });
    bench.pass(1_000);
    expect(bench.effects).toEqual(["prepare sdxl"]);
    bench.send(prepared);
    expect(bench.effects).toEqual(["start 2"]);
  });

  it("begins with the submit of a held job, a hint and the home state", () => {
    const bench = new Bench();
    bench.submit(sdxl, { hold: true });
    expect(bench.effects).toEqual(["prepare sdxl"]);
    bench.ask({ type: "preload", lane: flux });
    expect(bench.effects).toEqual(["prepare flux"]);
    bench.ask({ type: "declare-home", lanes: [{ ...flux, key: "home", minReplicas: 1 }] });
    expect(bench.effects).toEqual(["prepare home"]);
    bench.send({ type: "lane-prepared", laneKey: "home" });
    expect(bench.effects).toEqual(["start 1"]);
  });

  it("is part of when a job is expected to start, once it was measured", () => {
    const bench = new Bench();
    bench.submit(sdxl);
    bench.nowMs += 90_000;
    bench.send(prepared);
    const lane = bench.worker(1).lane;
    expect(lane.learned.prepareMs).toBe(90_000);
    bench.send({ type: "worker-start-failed", workerId: 1, cause: "unprepared", message: "gone" });
    bench.pass(1_000);
    expect(bench.effects).toEqual(["prepare sdxl"]);
    const start = forecastStart(bench.state, bench.nowMs, bench.job(1)).start;
    expect((start?.atMs ?? 0) - bench.nowMs).toBeGreaterThanOrEqual(90_000);
  });
});
