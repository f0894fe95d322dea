// The scheduler alone: no database, no programs. Events it takes in a second and how long a decision takes, with 50
// lanes, with an empty queue and with a million jobs. One event is one step, as it is when little happens.
import type { Effect } from "../src/scheduler/effects.ts";
import type { Event, NewJob } from "../src/scheduler/events.ts";
import { forecastStart } from "../src/scheduler/forecast.ts";
import type { LaneSpec, State } from "../src/scheduler/model.ts";
import { createState } from "../src/scheduler/state.ts";
import { step } from "../src/scheduler/step.ts";
import { laneSpec } from "../src/sim/lane-profiles.ts";
import { newJob } from "../src/sim/users.ts";
import { must } from "../src/std/assert.ts";
import { testPolicy } from "../test/kit/policy.ts";
import { isQuick, milliseconds, perSecond, report } from "./kit/figure.ts";
import { quantile } from "./kit/statistics.ts";

const LANES = 50;
const BATCH = 1_000;
const JOB_MS = 500;
const LOAD_MS = 2_000;
const queued = isQuick ? 100_000 : 1_000_000;
const events = isQuick ? 50_000 : 200_000;

type Untimed = Event extends infer E ? (E extends Event ? Omit<E, "atMs"> : never) : never;

/** A host in virtual time whose workers do at once what they are told. */
class Host {
  readonly state: State = createState(testPolicy({ quantumFactor: 10 }));
  nowMs = 1_700_000_000_000;
  private effects: Effect[] = [];
  private jobs = 0;
  readonly stepsMs: number[] = [];

  private readonly specs: readonly LaneSpec[];

  constructor(gpus: number, slots = 1) {
    this.specs = Array.from({ length: LANES }, (_, index) =>
      laneSpec(`model-${index}`, { keepAliveMs: 3_600_000, slots }),
    );
    const seen = Array.from({ length: gpus }, (_, index) => ({
      uuid: `GPU-${index}`,
      index,
      totalBytes: 24e9,
    }));
    this.send({ type: "gpus-seen", gpus: seen.map((gpu) => ({ ...gpu, foreignBytes: 0, healthy: true })) });
  }

  submit(count: number): void {
    this.send({ type: "submit", jobs: Array.from({ length: count }, () => this.nextJob()) });
  }

  /** Takes in about `count` events: jobs arrive, run and end, workers are switched. */
  run(count: number, arrivals: number): void {
    this.stepsMs.length = 0;
    while (this.stepsMs.length < count) {
      this.nowMs += JOB_MS;
      for (let each = 0; each < arrivals; each++) this.submit(1);
      const due = this.effects;
      this.effects = [];
      for (const effect of due) this.perform(effect);
    }
  }

  /** One step with what has come of the last effects, and as many new jobs as make up a group. @returns its events */
  runGroup(size: number): number {
    const due = this.effects;
    this.effects = [];
    this.nowMs += JOB_MS;
    const news = due.map((effect) => outcomeOf(effect)).filter((each) => each !== null);
    const jobs = Math.max(1, size - news.length);
    const submits = Array.from({ length: jobs }, () => ({ type: "submit" as const, jobs: [this.nextJob()] }));
    const group = [...news, ...submits].map((event) => ({ atMs: this.nowMs, ...event }));
    this.effects.push(...step(this.state, group).effects);
    return group.length;
  }

  private perform(effect: Effect): void {
    if (effect.type === "start-worker") this.nowMs += LOAD_MS;
    const news = outcomeOf(effect);
    if (news !== null) this.send(news);
  }

  private nextJob(): NewJob {
    this.jobs += 1;
    return newJob(this.specs[(this.jobs * 7 + (this.jobs % 3)) % LANES] ?? laneSpec("model"));
  }

  private send(event: Untimed): void {
    const startMs = performance.now();
    const { effects } = step(this.state, [{ atMs: this.nowMs, ...event }]);
    this.stepsMs.push(performance.now() - startMs);
    this.effects.push(...effects);
  }
}

/** What the world reports once an effect is done. */
function outcomeOf(effect: Effect): Untimed | null {
  const exit = { exitCode: 0, detail: null };
  const outcome = { kind: "succeeded" as const, exitCode: 0, message: null, output: null, artifacts: null };
  switch (effect.type) {
    case "start-worker":
      return { type: "worker-ready", workerId: effect.workerId, endpoint: null };
    case "stop-worker":
      return { type: "worker-exited", workerId: effect.workerId, exit, result: null };
    case "run-job":
      return { type: "job-ended", jobId: effect.jobId, attempt: effect.attempt, outcome };
    default:
      return null;
  }
}

/** What a step costs that has nothing to decide: the floor. Per second. */
function emptySteps(): number {
  const state = createState(testPolicy());
  const startMs = performance.now();
  for (let count = 0; count < events; count++) step(state, [{ type: "tick", atMs: count }]);
  return (events / (performance.now() - startMs)) * 1_000;
}

/** As under load: while a commit is written, more arrives, and all of it is one step. */
const GROUP = 10;

function groupRate(): void {
  const host = new Host(1, GROUP - 2);
  host.run(events / 10, 1);
  let count = 0;
  const startMs = performance.now();
  while (count < events) count += host.runGroup(GROUP);
  const perS = (count / (performance.now() - startMs)) * 1_000;
  report({
    name: `scheduler, ${LANES} lanes, 1 GPU, ${GROUP} events a step`,
    target: "≥ 100,000 events/s",
    measured: perSecond(perS),
    met: perS >= 100_000,
    baseline: "",
  });
}

function rate(gpus: number): void {
  const host = new Host(gpus);
  host.run(events / 10, 1);
  host.run(events, 1);
  const perS = (host.stepsMs.length / host.stepsMs.reduce((sum, each) => sum + each, 0)) * 1_000;
  report({
    name: `scheduler, ${LANES} lanes, ${gpus} GPU${gpus === 1 ? "" : "s"}, one event a step`,
    target: gpus === 1 ? "≥ 100,000 events/s" : "(for comparison)",
    measured: `${perSecond(perS)}, p99 ${milliseconds(quantile(host.stepsMs, 0.99))}`,
    met: gpus === 1 ? perS >= 100_000 : null,
    baseline: `empty steps: ${perSecond(emptySteps())}`,
  });
}

function decisions(gpus: number): void {
  const host = new Host(gpus);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  for (let count = 0; count < queued; count += BATCH) host.submit(BATCH);
  globalThis.gc?.();
  const bytesPerJob = (process.memoryUsage().heapUsed - before) / queued;
  host.run(events / 4, 0);
  const p99Ms = quantile(host.stepsMs, 0.99);
  report({
    name: `a decision, ${queued.toLocaleString("en-US")} queued, ${gpus} GPU${gpus === 1 ? "" : "s"}`,
    target: "p99 ≤ 1 ms",
    measured: `p99 ${milliseconds(p99Ms)}, p50 ${milliseconds(quantile(host.stepsMs, 0.5))}`,
    met: p99Ms <= 1,
    baseline: "",
  });
  if (gpus > 1) return forecast(host);
  if (globalThis.gc === undefined) return;
  report({
    name: "heap of one queued job, scheduler alone",
    target: "≤ 200 bytes",
    measured: `${Math.round(bytesPerJob)} bytes`,
    met: bytesPerJob <= 200,
    baseline: "",
  });
}

/** What `orch why` and `orch plan` ask: when will this job start. */
function forecast({ state, nowMs }: Host): void {
  const last = must([...state.jobs.values()].at(-1), "jobs wait");
  const timesMs = Array.from({ length: 20 }, () => {
    const startMs = performance.now();
    forecastStart(state, nowMs, last);
    return performance.now() - startMs;
  });
  report({
    name: `an ETA, ${queued.toLocaleString("en-US")} queued`,
    target: "≤ 20 ms",
    measured: milliseconds(quantile(timesMs, 0.5)),
    met: quantile(timesMs, 0.5) <= 20,
    baseline: "",
  });
}

groupRate();
for (const gpus of [1, 8]) rate(gpus);
for (const gpus of [1, 8]) decisions(gpus);
