import { describe, expect, it } from "vitest";
import type { Quota } from "../../src/scheduler/job-model.ts";
import { standingAt } from "../../src/scheduler/lanes.ts";
import { newJob } from "../../src/sim/users.ts";
import { Bench, command, model, outcome } from "../kit/scheduler.ts";

const HOUR_MS = 3_600_000;
const none: Quota = { running: null, queued: null, gpuHours: null, maxPriority: null };
const task = command("task", { gpuCount: 0, cpuCores: 0 });
const ann = { accounts: ["user:ann"] } as const;
const bob = { accounts: ["user:bob"] } as const;

const withQuotas = (quotas: Record<string, Partial<Quota>>, halfLifeMs = 7 * 24 * HOUR_MS): Bench =>
  new Bench({
    policy: {
      urgency: Math.SQRT2,
      fairShareHalfLifeMs: halfLifeMs,
      quotas: Object.fromEntries(Object.entries(quotas).map(([key, quota]) => [key, { ...none, ...quota }])),
    },
  });

describe("a quota of running jobs", () => {
  it("keeps the account's further jobs waiting, and nobody else's", () => {
    const bench = withQuotas({ "user:ann": { running: 1 } });
    const [first, second] = [bench.submit(task, ann), bench.submit(task, ann)];
    const other = bench.submit(task, bob);
    expect([first, second, other].map((id) => bench.stateOf(id))).toEqual(["starting", "queued", "starting"]);
    expect(bench.why(second)).toMatchObject({ code: "quota" });
    bench.ready(1);
    bench.exit(1, outcome("succeeded", 0));
    expect(bench.stateOf(second)).toBe("starting");
  });

  it("of a group counts the jobs of all its users", () => {
    const bench = withQuotas({ "group:students": { running: 1 } });
    const first = bench.submit(task, { accounts: ["user:ann", "group:students"] });
    const second = bench.submit(task, { accounts: ["user:bob", "group:students"] });
    expect([bench.stateOf(first), bench.stateOf(second)]).toEqual(["starting", "queued"]);
  });

  it("of everybody is each user's own", () => {
    const bench = withQuotas({ "user:*": { running: 1 } });
    const ids = [ann, bob, bob].map((who) => bench.submit(task, who));
    expect(ids.map((id) => bench.stateOf(id))).toEqual(["starting", "starting", "queued"]);
  });
});

describe("a quota of waiting jobs", () => {
  it("refuses more, and counts a batch as a whole", () => {
    const bench = withQuotas({ "user:ann": { queued: 2 } });
    const three = [1, 2, 3].map(() => newJob(task, { ...ann, hold: true }));
    expect(bench.ask({ type: "submit", jobs: three })).toMatchObject({
      ok: false,
      code: "quota/refused",
      message: "job 3 of the batch: user:ann has 2 jobs waiting, and its quota is 2",
    });
    expect(bench.state.jobs.size).toBe(0);
    // Of a whole that comes in parts, the first part is refused for the others.
    const part = { before: 0, toCome: 2 };
    expect(bench.ask({ type: "submit", jobs: three.slice(2), part })).toMatchObject({ ok: false });
    bench.ask({ type: "submit", jobs: three.slice(1) });
    expect(() => bench.submit(task, { ...ann, hold: true })).toThrow("quota/refused");
    bench.ask({ type: "cancel", jobId: 1 });
    expect(bench.stateOf(bench.submit(task, { ...ann, hold: true }))).toBe("held");
  });
});

describe("a quota of priority", () => {
  it("refuses a higher one", () => {
    const bench = withQuotas({ "user:*": { maxPriority: 5 } });
    expect(() => bench.submit(task, { ...ann, priority: 6 })).toThrow("at most 5, not 6");
    expect(bench.stateOf(bench.submit(task, { ...ann, priority: 5 }))).toBe("starting");
    expect(bench.stateOf(bench.submit(task, { ...ann, priority: -7 }))).toBe("starting");
  });
});

describe("a quota of zero", () => {
  it.each(["running", "gpuHours"] as const)("%s refuses every job", (limit) => {
    const bench = withQuotas({ "user:ann": { [limit]: 0 } });
    expect(() => bench.submit(task, ann)).toThrow("lets none of its jobs run");
  });
});

describe("a quota of GPU-hours", () => {
  it("makes jobs wait until use has decayed, and wakes up for that", () => {
    const bench = withQuotas({ "user:ann": { gpuHours: 1 } }, HOUR_MS);
    const lane = command("gpu");
    bench.submit(lane, ann);
    bench.ready(1);
    bench.pass(10 * HOUR_MS);
    bench.exit(1, outcome("succeeded", 0));
    const waiting = bench.submit(lane, ann);
    expect(bench.why(waiting)).toMatchObject({ code: "quota" });
    const wakeAtMs = bench.last.wakeAtMs ?? Number.NaN;
    // Ten hours of one GPU with a half-life of an hour are worth 1 / ln 2 = 1.44 hours: 0.53 half-lives above one.
    expect(wakeAtMs - bench.nowMs).toBeCloseTo(HOUR_MS * Math.log2((1 - 2 ** -10) / Math.LN2), -2);
    bench.pass(wakeAtMs - bench.nowMs);
    expect(bench.stateOf(waiting)).toBe("starting");
  });
});

describe("fair share", () => {
  it("serves whose account used least, and forgets by half-lives", () => {
    const bench = withQuotas({}, HOUR_MS);
    const lane = model("sdxl");
    const first = bench.submit(lane, ann);
    bench.ready(1);
    bench.pass(HOUR_MS);
    const [anns, bobs] = [bench.submit(lane, ann), bench.submit(lane, bob)];
    bench.end(first);
    expect([bench.stateOf(anns), bench.stateOf(bobs)]).toEqual(["queued", "running"]);
    bench.end(bobs);
    expect(bench.stateOf(anns)).toBe("running");
  });

  it("is within a rank only: priority goes first", () => {
    const bench = withQuotas({});
    const lane = model("sdxl");
    const first = bench.submit(lane, ann);
    bench.ready(1);
    bench.pass(HOUR_MS);
    const [bobs, anns] = [bench.submit(lane, bob), bench.submit(lane, { ...ann, priority: 1 })];
    bench.end(first);
    expect([bench.stateOf(anns), bench.stateOf(bobs)]).toEqual(["running", "queued"]);
  });

  it("weighs lanes of one rank by who waits in them, within the bound", () => {
    const bench = withQuotas({});
    bench.submit(command("hold"), ann);
    bench.ready(1);
    bench.pass(HOUR_MS);
    for (let count = 0; count < 3; count++) bench.submit(model("anns"), ann);
    for (let count = 0; count < 2; count++) bench.submit(model("bobs"), bob);
    const first = (): string | undefined => standingAt(bench.state, bench.nowMs).takeNext()?.spec.key;
    expect(first(), "though less waits there").toBe("bobs");
    for (const account of bench.state.accounts.values()) Object.assign(account, { usageMs: 0, gpusInUse: 0 });
    expect(first()).toBe("anns");
  });
});
