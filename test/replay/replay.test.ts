import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigSchema } from "../../src/config/config.ts";
import { choosePolicies, policyOf } from "../../src/replay/policies.ts";
import { type Replay, replay } from "../../src/replay/replay.ts";
import { reportOf } from "../../src/replay/report.ts";
import { readTrace, type TraceJob } from "../../src/replay/trace.ts";
import { nearestRank } from "../../src/std/percentile.ts";
import { createRng } from "../../src/std/rng.ts";
import { mostAtOnce, plainHost, replayOn, traceOf } from "./replay-kit.ts";

const waitsOf = ({ waitsMs }: Replay): number[] => [...waitsMs].map((ms) => ms / 1000);
const figuresOf = (jobs: readonly TraceJob[], made: Replay, gpus = 1) =>
  reportOf("orch", "", jobs, gpus, made);

it.each([{}, { gpus: 2, residents: 2 }])(
  "decides by what it has measured: how long a run will take changes nothing before it is over, on %j",
  async (host) => {
    const rng = createRng(7);
    let arrivalS = 0;
    const lines = Array.from({ length: 300 }, () => {
      arrivalS += rng.below(20);
      return `${arrivalS},m${rng.below(6)},${1 + rng.below(60)}`;
    });
    const jobs = await traceOf(lines);
    const plain = replayOn(jobs, host);
    const startOf = (waitsMs: Float64Array, at: number): number =>
      (jobs[at]?.arrivalMs ?? 0) + (waitsMs[at] ?? Number.NaN);
    for (let changed = 3; changed < jobs.length; changed += 33) {
      const longer = jobs.map((job, at) => (at === changed ? { ...job, runMs: job.runMs * 20 } : job));
      const { waitsMs } = replayOn(longer, host);
      const knownFromMs = startOf(plain.waitsMs, changed) + (jobs[changed]?.runMs ?? 0);
      let compared = 0;
      for (const at of jobs.keys()) {
        if (startOf(plain.waitsMs, at) >= knownFromMs) continue;
        expect(waitsMs[at], `job ${at}, with a longer job ${changed}`).toBe(plain.waitsMs[at]);
        compared += 1;
      }
      expect(compared).toBeGreaterThan(0);
    }
  },
);

describe("waits, by hand", () => {
  // a is ready at 10 and runs to 15 and 20; b's worker is granted the GPU then, is ready at 30 and runs to 33.
  const aab = traceOf(["0,a,5", "1,a,5", "2,b,3"]);

  it("on one GPU, with a switch between two models", async () => {
    const jobs = await aab;
    const made = replayOn(jobs);
    expect(waitsOf(made)).toEqual([10, 14, 28]);
    const report = figuresOf(jobs, made);
    expect(report).toMatchObject({ jobs: 3, switches: 2, makespanS: 33 });
    expect(report.waitS).toEqual({ mean: 52 / 3, p50: 14, p95: 28, p99: 28, max: 28 });
    expect(report.gpuBusyShare).toBeCloseTo(13 / 33);
    expect(report.switchShare).toBeCloseTo(20 / 33);
    expect(report.models.map(({ model, jobs: count, switches }) => [model, count, switches])).toEqual([
      ["a", 2, 1],
      ["b", 1, 1],
    ]);
    expect(made.residencies).toEqual([
      {
        model: "a",
        gpus: [0],
        isShared: false,
        grantedMs: 0,
        readyMs: 10_000,
        stopMs: 20_000,
        goneMs: 20_000,
      },
      {
        model: "b",
        gpus: [0],
        isShared: false,
        grantedMs: 20_000,
        readyMs: 30_000,
        stopMs: null,
        goneMs: 33_000,
      },
    ]);
  });

  it("with a stop that takes time, too", async () => {
    const jobs = await aab;
    const made = replayOn(jobs, { stopMs: 2_000 });
    expect(waitsOf(made)).toEqual([10, 14, 30]);
    expect(figuresOf(jobs, made).switchShare).toBeCloseTo(22 / 35);
  });

  it("do not depend on when the trace begins", async () => {
    expect(waitsOf(replayOn(await traceOf(["1e9,a,5", "1000000001,a,5", "1000000002,b,3"])))).toEqual([
      10, 14, 28,
    ]);
  });

  it("on two GPUs: neither model waits for the other", async () => {
    const made = replayOn(await traceOf(["0,a,5", "0,b,5"]), { gpus: 2 });
    expect(waitsOf(made)).toEqual([10, 10]);
    expect(made.residencies.map(({ gpus }) => gpus)).toEqual([[0], [1]]);
  });

  it("with two residents on one GPU: both run at once, and busy time is not counted twice", async () => {
    const jobs = await traceOf(["0,a,5", "0,b,8", "0,c,1"]);
    const made = replayOn(jobs, { residents: 2 });
    // c takes the place of a, which is done at 15: ready at 25. b is done at 18.
    expect(waitsOf(made)).toEqual([10, 10, 25]);
    expect(made.residencies.every(({ isShared }) => isShared)).toBe(true);
    expect(mostAtOnce(made, 0)).toBe(2);
    const report = figuresOf(jobs, made);
    expect(report.gpuBusyShare).toBeCloseTo(9 / 26);
    expect(report.switchShare).toBeCloseTo(20 / 26);
  });

  it("of models with leases of their own sizes: as many as fit", async () => {
    const columns = "arrival_s,model,run_s,vram_gib";
    const made = replayOn(await traceOf(["0,a,5,10", "0,b,5,10", "0,c,5,10"], columns));
    expect(waitsOf(made)).toEqual([10, 10, 25]);
  });

  it("of a job for two GPUs, and of one for none", async () => {
    const columns = "arrival_s,model,run_s,gpus";
    const made = replayOn(await traceOf(["0,a,5,2", "0,b,5,1", "0,c,5,0"], columns), { gpus: 2 });
    expect(waitsOf(made)).toEqual([25, 10, 0]);
    expect(made.residencies.map(({ model, gpus }) => [model, gpus])).toEqual([
      ["b", [0]],
      ["a", [0, 1]],
    ]);
  });

  it("by priority", async () => {
    const columns = "arrival_s,model,run_s,priority";
    expect(waitsOf(replayOn(await traceOf(["0,a,5,0", "0,a,5,0", "0,a,5,9"], columns)))).toEqual([
      15, 20, 10,
    ]);
  });
});

describe("a job that the host could never run", () => {
  it("is refused with its line and what to try", async () => {
    const many = await traceOf(["0,a,5,1", "0,a,5,4"], "arrival_s,model,run_s,gpus");
    expect(() => replayOn(many)).toThrow(
      expect.objectContaining({
        code: "gpu/too-many",
        message: expect.stringContaining("line 3 of the trace: a needs 4 GPUs"),
        hint: "orch sim TRACE.csv --gpus 4",
      }),
    );
    const large = await traceOf(["0,a,5,40"], "arrival_s,model,run_s,vram_gib");
    expect(() => replayOn(large)).toThrow(
      expect.objectContaining({ code: "gpu/too-large", hint: "orch sim TRACE.csv --vram 40GiB" }),
    );
  });
});

describe("policies", () => {
  it("orch is what the daemon does by default", () => {
    const { quantumFactor, vramReserve, fairShareHalfLife, quotas } = ConfigSchema.parse({});
    expect(policyOf(choosePolicies(["orch"]).get("orch")?.settings ?? {})).toMatchObject({
      quantumFactor,
      vramReserveBytes: vramReserve,
      urgency: Math.SQRT2,
      fairShareHalfLifeMs: fairShareHalfLife,
      quotas,
    });
  });

  it("are chosen by name, each once; an unknown one is refused", () => {
    expect([...choosePolicies(["eager", "eager"]).keys()]).toEqual(["eager"]);
    expect([...choosePolicies(["all"]).keys()]).toContain("orch");
    expect(() => choosePolicies(["ocrh"])).toThrow(
      expect.objectContaining({ code: "usage/invalid", hint: "orch sim TRACE.csv --policy orch" }),
    );
    expect(() => choosePolicies(["toString"])).toThrow('there is no policy "toString"');
  });

  it("reach the scheduler: without a quantum a busy model gives way at once", async () => {
    const jobs = await traceOf(["0,a,5", "0,a,5", "0,b,5", "0,b,5"]);
    const eager = choosePolicies(["eager"]).get("eager")?.settings ?? {};
    expect(replayOn(jobs).residencies).toHaveLength(2);
    expect(replay(jobs, plainHost, policyOf(eager)).residencies.length).toBeGreaterThan(2);
  });
});

/** What has to be so whatever the policy does. */
function check(jobs: readonly TraceJob[], host: Partial<typeof plainHost>): Replay {
  const full = { ...plainHost, ...host };
  const made = replay(jobs, full, policyOf({}));
  expect(made.waitsMs).toHaveLength(jobs.length);
  expect(made.waitsMs.every((waitMs) => waitMs >= 0)).toBe(true);
  for (let gpu = 0; gpu < full.gpus; gpu++) expect(mostAtOnce(made, gpu)).toBeLessThanOrEqual(full.residents);
  const workMs = jobs.reduce((sum, job) => sum + job.runMs, 0);
  // Alone on its GPU, each job that was served once adds exactly its run time.
  if (full.residents === 1) expect(made.busyMs).toBe(workMs);
  else expect(made.busyMs).toBeLessThanOrEqual(workMs);
  const waitedFor = made.residencies.reduce(
    (sum, { readyMs, grantedMs }) => sum + (readyMs ?? grantedMs) - grantedMs,
    0,
  );
  const ready = made.residencies.filter(({ readyMs }) => readyMs !== null).length;
  expect(waitedFor, "each start costs one switch").toBe(ready * full.switchMs);
  expect(figuresOf(jobs, made, full.gpus).switches).toBe(made.residencies.length);
  const again = replay(jobs, full, policyOf({}));
  expect(again, "two replays are equal").toEqual(made);
  return made;
}

const hosts = [
  {},
  { switchMs: 1_000 },
  { stopMs: 3_000 },
  { gpus: 2 },
  { residents: 2 },
  { gpus: 2, residents: 3, replicas: 2 },
];

describe("whatever the policy does", () => {
  it.each(hosts)("holds for drawn traces on %j", async (host) => {
    for (const seed of [1, 2, 3]) {
      const rng = createRng(seed);
      let atS = 0;
      const lines = Array.from({ length: 400 }, () => {
        atS += rng.below(40);
        return `${atS},m${rng.below(7)},${rng.below(30)}`;
      });
      check(await traceOf(lines), host);
    }
  });
});

const measured = join(import.meta.dirname, "../../../shared/traces/gentd26-early.csv");
const isThere = existsSync(measured);

describe(`the measured trace${isThere ? "" : " (skipped: shared/traces/gentd26-early.csv is not beside the repository)"}`, () => {
  it
    .skipIf(!isThere)
    .each([
      { switchMs: 22_000 },
      { switchMs: 1_000 },
      { gpus: 2, switchMs: 22_000 },
      { residents: 2, switchMs: 22_000 },
    ])("%j: all is served once, no GPU twice", async (host) => {
    const { jobs, outOfOrder } = await readTrace(createReadStream(measured, "utf8"), "gentd26-early.csv");
    expect([jobs.length, outOfOrder]).toEqual([10_079, 0]);
    check(jobs, host);
  });

  it.skipIf(!isThere)(
    "is served as well in the mean, for the last 1 % and at worst, all at once",
    async () => {
      const { jobs } = await readTrace(createReadStream(measured, "utf8"), "gentd26-early.csv");
      const waitsS = waitsOf(replay(jobs, { ...plainHost, switchMs: 22_000 }, policyOf({})));
      const sorted = waitsS.toSorted((left, right) => left - right);
      expect(sorted.reduce((sum, each) => sum + each, 0) / sorted.length).toBeLessThanOrEqual(3_100);
      expect(nearestRank(sorted, 0.99)).toBeLessThanOrEqual(18_000);
      expect(sorted.at(-1)).toBeLessThanOrEqual(23_500);
    },
  );
});
