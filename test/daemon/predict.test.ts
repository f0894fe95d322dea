import { describe, expect, it } from "vitest";
import { createPredictor } from "../../src/daemon/predict.ts";
import type { Report } from "../../src/scheduler/events.ts";
import { Bench, model } from "../kit/scheduler.ts";
import { until } from "../kit/until.ts";

function predictorOn(bench: Bench, everyMs?: number) {
  const reports: Report[] = [];
  const errors: unknown[] = [];
  const predictor = createPredictor({
    state: () => bench.state,
    nowMs: () => bench.nowMs,
    report(news) {
      reports.push(news);
      bench.send(news);
    },
    warn: (error) => errors.push(error),
    ...(everyMs === undefined ? {} : { everyMs }),
  });
  return { predictor, reports, errors };
}

describe("predictions that nobody asked for", () => {
  it("go from lane to lane, and foretell each job once", () => {
    const bench = new Bench();
    for (const key of ["a", "b", "c"]) bench.submit(model(key));
    const { predictor, reports } = predictorOn(bench);
    for (let count = 0; count < 6; count++) predictor.predict();
    expect(reports).toMatchObject([1, 2, 3].map((jobId) => ({ type: "eta-given", jobId })));
    expect([...bench.state.etas.keys()]).toEqual([1, 2, 3]);
  });

  it("are about jobs far back in their lane, and about none while nothing waits", () => {
    const bench = new Bench();
    const { predictor, reports } = predictorOn(bench);
    predictor.predict();
    expect(reports).toEqual([]);
    const ids = Array.from({ length: 30 }, () => bench.submit(model("m")));
    predictor.predict();
    expect(reports).toMatchObject([{ jobId: ids[19] }]);
  });

  it("come at their interval until stopped, and a forecast that fails is told, not thrown", async () => {
    const bench = new Bench();
    bench.submit(model("a"));
    bench.submit(model("b"));
    const { predictor, reports, errors } = predictorOn(bench, 1);
    predictor.start();
    await until("a prediction", () => reports.length > 0);
    bench.submit(model("c"));
    (bench.state as { gpus: unknown }).gpus = null;
    await until("an error", () => errors.length > 0);
    predictor.stop();
    expect(errors[0]).toBeInstanceOf(Error);
  });
});
