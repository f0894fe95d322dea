import { describe, expect, it } from "vitest";
import type { ResidencyView } from "../../src/protocol/residency-view.ts";
import { arrayParts, arrayState, arrayText, foldLines } from "../../src/web/model/array-text.ts";
import { onePerArray } from "../../src/web/model/job-rows.ts";
import { countArray, countSweep, countValues } from "../../src/web/model/many.ts";
import { readReserve } from "../../src/web/model/reserve-request.ts";
import { aheadMs, reservedSpans, residencyRows } from "../../src/web/model/residency-rows.ts";
import { hrefOfJobs, readJobPlace, readPlace } from "../../src/web/model/route.ts";
import { arrayRequest, countPlan, newPlan, scheduleRequest } from "../../src/web/model/submission.ts";
import { doorOf } from "../../src/web/model/worker-door.ts";

const at = (ms: number): string => new Date(ms).toISOString();

describe("how many jobs a form makes", () => {
  it("is counted as the command line does, with its limits", () => {
    expect(countArray("0-99%4")).toEqual({ jobs: 100, text: "100 jobs, 4 at once" });
    expect(countArray("7")).toEqual({ jobs: 1, text: "1 job" });
    expect(countArray("0-99999")).toMatchObject({ jobs: 100_000 });
    expect(countArray("0-100000")).toEqual({
      problem:
        '"0-100000" names 100,001 numbers: at most 100,000 are allowed; split it into several submits, or take a larger step, like 0-999999:10',
    });
    expect(countArray("9-0")).toMatchObject({ problem: expect.stringContaining("a range goes up") });
    expect(countArray(" ")).toMatchObject({ problem: expect.stringContaining("which numbers?") });
    expect(countValues("steps", "1..5,20")).toEqual({ jobs: 6, text: "6 values" });
    expect(countValues("steps", "")).toMatchObject({ problem: expect.stringContaining("has no values") });
    expect(countSweep({ steps: "20,30", seed: "1..5" }, "2")).toEqual({
      jobs: 10,
      text: "10 jobs, 2 at once",
    });
    expect(countSweep({ a: "1..1000", b: "1..1000" }, "")).toMatchObject({
      problem: expect.stringContaining("a (1,000) × b (1,000) = 1,000,000 jobs; at most 100,000"),
    });
    expect(countSweep({ a: "1" }, "0")).toMatchObject({ problem: expect.stringContaining("at once") });
    expect(countSweep({}, "")).toMatchObject({ problem: expect.stringContaining("over what?") });
  });

  it("goes into the request", () => {
    const plan = newPlan("Europe/Berlin");
    expect(countPlan(plan)).toBeNull();
    expect(arrayRequest("sdxl", {}, { ...plan, mode: "array", numbers: "0-9" }, 3)).toEqual({
      ...{ runtime: "sdxl", params: {}, options: { priority: 3 }, array: "0-9" },
    });
    const swept = { ...plan, mode: "sweep", values: { steps: "20,30" }, atOnce: "2" } as const;
    expect(arrayRequest("sdxl", { prompt: "a" }, swept, 0)).toMatchObject({
      ...{ sweep: ["steps=20,30"], atOnce: 2, params: { prompt: "a" } },
    });
    const named = { ...plan, mode: "schedule", timeZone: "", name: "nightly" } as const;
    expect(scheduleRequest("sdxl", {}, named, 0)).toMatchObject({ name: "nightly", timeZone: null });
  });
});

describe("an array in a list", () => {
  const status = { jobs: { queued: 60, failed: 2, succeeded: 34, running: 4 }, total: 100 };

  it("is told by its parts, what is done first", () => {
    expect(arrayText(status)).toBe("34 succeeded, 2 failed, 4 running, 60 queued");
    expect(arrayParts(status).map(({ share }) => share)).toEqual([0.34, 0.02, 0.04, 0.6]);
  });

  it("is in the state that says most of it", () => {
    expect(arrayState(status)).toBe("running");
    expect(arrayState({ jobs: { succeeded: 9, failed: 1 } })).toBe("failed");
    expect(arrayState({ jobs: { succeeded: 9 } })).toBe("succeeded");
  });

  it("is one line where its first job stands, apart by how its jobs ended", () => {
    const job = (id: number, state: "queued" | "held" | "failed" | "succeeded", array?: number) => ({
      job: { id, state, array: array === undefined ? null : { id: array, index: id } },
    });
    const folded = (...lines: ReturnType<typeof job>[]) =>
      foldLines(lines).map(({ line, jobs }) => [line.job.id, jobs]);
    expect(folded(job(9, "queued"), job(5, "queued", 5), job(8, "queued"), job(6, "held", 5))).toEqual([
      ...[
        [9, 1],
        [5, 2],
        [8, 1],
      ],
    ]);
    expect(folded(job(5, "failed", 5), job(6, "succeeded", 5), job(7, "failed", 5))).toEqual([
      ...[
        [5, 2],
        [6, 1],
      ],
    ]);
  });

  it("has one row, whichever of its jobs stands for it", () => {
    const row = (id: number, array: number | null) => ({ id, array: array === null ? null : { id: array } });
    const rows = [row(9, null), row(8, 5), row(6, 5), row(3, null)];
    expect(onePerArray(rows).map(({ id }) => id)).toEqual([9, 8, 3]);
  });

  it("has an address of its own, with and without one of its jobs", () => {
    for (const place of [
      { array: null, job: null },
      { array: null, job: 42 },
      { array: 12, job: null },
      { array: 12, job: 42 },
    ])
      expect(readJobPlace(readPlace(hrefOfJobs(place)).item)).toEqual(place);
    for (const odd of ["x", "array-", "array-1/x", "array-1x", "-3", "4/5"])
      expect(readJobPlace(odd), odd).toEqual({ array: null, job: null });
  });
});

describe("reservations in the timeline", () => {
  const reserved = (start: number, end: number, uuid = "GPU-0") => ({
    ...{ id: 1, name: "demo", start: at(start), end: at(end), gpus: [{ index: 0, uuid }] },
  });
  const time = { fromMs: 1000, toMs: 2000 };

  it("are shown on their GPUs, cut where the time begins and ends", () => {
    expect(reservedSpans([reserved(1500, 9000)], "GPU-0", time)).toMatchObject([{ left: 0.5, width: 0.5 }]);
    expect(reservedSpans([reserved(500, 1250)], "GPU-0", time)).toMatchObject([{ left: 0, width: 0.25 }]);
    for (const other of [reserved(1500, 1600, "GPU-1"), reserved(0, 1000), reserved(2000, 3000)])
      expect(reservedSpans([other], "GPU-0", time)).toEqual([]);
  });

  it("make it look ahead as far as they go, if they are near", () => {
    expect(aheadMs([], 2000, 1000)).toBe(0);
    expect(aheadMs([reserved(2100, 2200)], 2000, 1000)).toBeCloseTo(210);
    expect(aheadMs([reserved(2100, 99_000)], 2000, 1000)).toBe(500);
    expect(aheadMs([reserved(2600, 99_000)], 2000, 1000), "too far").toBe(0);
    expect(aheadMs([reserved(0, 1999)], 2000, 1000), "over").toBe(0);
  });

  it("do not make a worker hold its GPU longer than until now", () => {
    const lease: ResidencyView["leases"][number] = {
      ...{ worker: "a", runtime: "a", lane: "a", vramBytes: 1, phases: [] },
      ...{ mode: "exclusive", from: at(1000), to: null },
    };
    const [row] = residencyRows([{ index: 0, uuid: "GPU-0", leases: [lease] }], { ...time, nowMs: 1500 });
    expect(row?.spans[0]).toMatchObject({ left: 0, width: 0.5 });
  });
});

describe("the form of a reservation", () => {
  const draft = { start: "", length: "2h", gpus: [], count: "1", users: "", name: "" };

  it("gives a request, from now on where no time is said", () => {
    expect(readReserve(draft, 1000)).toEqual({ input: { end: 7_201_000, gpus: 1, gpu: [] } });
    const filled = { ...draft, start: "2026-11-22T09:00", users: "ada, bob", name: " demo ", count: "2" };
    const startMs = new Date("2026-11-22T09:00").getTime();
    expect(readReserve(filled, 0)).toEqual({
      input: {
        start: startMs,
        end: startMs + 7_200_000,
        gpus: 2,
        gpu: [],
        users: ["ada", "bob"],
        name: "demo",
      },
    });
  });

  it("says what is wrong", () => {
    const problemOf = (part: Partial<typeof draft>) => readReserve({ ...draft, ...part }, 0);
    expect(problemOf({ length: "soon" })).toEqual({
      problem: 'for: "soon" is not a duration; write it like 90s, 10m or 1h30m',
    });
    expect(problemOf({ length: "0" })).toMatchObject({
      problem: expect.stringContaining("more than nothing"),
    });
    expect(problemOf({ count: "x" })).toMatchObject({ problem: expect.stringContaining("whole number") });
    expect(problemOf({ start: "x" })).toMatchObject({ problem: expect.stringContaining("not a time") });
  });
});

describe("a worker's own page", () => {
  it("is linked where it has an address that leads somewhere, and nothing else", () => {
    const door = (uiUrl?: unknown) => doorOf({ uiUrl: uiUrl as string });
    expect(door("/workers/a-1/ui/")).toBe("/workers/a-1/ui/");
    expect(door("https://gpu.example/a")).toBe("https://gpu.example/a");
    for (const none of [undefined, null, 3, "", "//evil.example", "javascript:alert(1)"])
      expect(door(none)).toBeNull();
  });
});
