import { describe, expect, it } from "vitest";
import type { Event } from "../../src/scheduler/events.ts";
import { type Durations, fastForward, type Observer } from "../../src/scheduler/fast-forward.ts";
import type { LaneSpec, State } from "../../src/scheduler/model.ts";
import { newJob } from "../../src/sim/users.ts";
import { Bench, command, model } from "../kit/scheduler.ts";

const durations: Durations = {
  startMs: () => 10_000,
  stopMs: () => 2_000,
  sleepMs: () => 300,
  wakeMs: () => 1_000,
  runMs: () => 60_000,
};

/** Everything the observer hears, as lines "seconds what", in seconds from `fromMs`. */
function record(fromMs: number): { lines: string[]; observer: Required<Observer> } {
  const lines: string[] = [];
  const say = (atMs: number, text: string): void => void lines.push(`${(atMs - fromMs) / 1000} ${text}`);
  return {
    lines,
    observer: {
      onReply: (event, reply) =>
        say(event.atMs, `${event.type} ${reply.ok ? reply.ids.join(",") : reply.code}`),
      onStart: (job, worker, atMs) => say(atMs, `job ${job.id} starts on ${worker.name}`),
      onEnd: ({ job, state, atMs }) => say(atMs, `job ${job.id} ${state}`),
      onWorker: (worker, news, atMs) => say(atMs, `${worker.name} ${news}`),
    },
  };
}

function forward(
  { state, nowMs }: { state: State; nowMs: number },
  events: Iterable<Event>,
  others: { durations?: Partial<Durations>; isDone?: () => boolean } = {},
) {
  const { lines, observer } = record(nowMs);
  const { isDone } = others;
  const end = fastForward({
    state,
    nowMs,
    events,
    durations: { ...durations, ...others.durations },
    observer,
    ...(isDone === undefined ? {} : { isDone }),
  });
  return { lines, endS: (end.nowMs - nowMs) / 1000, steps: end.steps };
}

const submit = (atMs: number, lane: LaneSpec, overrides = {}): Event => ({
  type: "submit",
  atMs,
  jobs: [newJob(lane, overrides)],
});

describe("what the scheduler orders", () => {
  it("of a resident worker: start, runs, the end of its keep-alive, stop", () => {
    const bench = new Bench();
    const lane = model("m", { keepAliveMs: 30_000 });
    const { lines, endS } = forward(bench, [
      submit(bench.nowMs + 1_000, lane),
      submit(bench.nowMs + 2_000, lane),
    ]);
    expect(lines).toEqual([
      "1 submit 1",
      "1 m-1 starting",
      "2 submit 2",
      "11 m-1 ready",
      "11 job 1 starts on m-1",
      "71 job 1 succeeded",
      "71 job 2 starts on m-1",
      "131 job 2 succeeded",
      "161 m-1 stopping",
      "163 m-1 gone",
    ]);
    expect(endS).toBe(163);
  });

  it("of a one-shot worker: it ends with its job", () => {
    const bench = new Bench();
    const { lines } = forward(bench, [submit(bench.nowMs, command())]);
    expect(lines).toEqual([
      "0 submit 1",
      "0 run-1 starting",
      "10 run-1 ready",
      "10 job 1 starts on run-1",
      "70 job 1 succeeded",
      "70 run-1 gone",
    ]);
  });

  it("of a job that is cancelled, and of one over its time limit", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    const events: Event[] = [
      submit(bench.nowMs, model("a", { keepAliveMs: 0 })),
      submit(bench.nowMs, command("b", { stopTimeoutMs: 500 }), { timeLimitMs: 5_000 }),
      { type: "cancel", atMs: bench.nowMs + 20_000, jobId: 1 },
    ];
    const { lines } = forward(bench, events);
    expect(lines).toContain("20 job 1 cancelled");
    expect(lines).toContain("15 b-1 stopping");
    expect(lines).toContain("17 job 2 failed");
    expect(lines.filter((line) => line.includes("job 1") && !line.includes("starts"))).toHaveLength(1);
  });

  it("of a start that is called off: nothing of it comes later", () => {
    const bench = new Bench();
    const events: Event[] = [
      { type: "start-worker", atMs: bench.nowMs, lane: model("m"), gpu: null, evict: false },
      { type: "stop-worker", atMs: bench.nowMs + 9_000, workerId: 1, force: true },
    ];
    const { lines, endS } = forward(bench, events);
    expect(lines.slice(1)).toEqual(["0 m-1 starting", "9 stop-worker 1", "9 m-1 stopping", "11 m-1 gone"]);
    expect(endS).toBe(11);
  });
});

describe("from the middle of things", () => {
  it("what began earlier ends as if it had been watched all the time, and is not told again", () => {
    const bench = new Bench({ gpus: [{}, {}, {}] });
    const running = bench.submit(model("m", { keepAliveMs: null }));
    bench.ready(1);
    const oneShot = bench.submit(command());
    bench.ready(2);
    bench.nowMs += 7_000;
    bench.submit(model("late", { keepAliveMs: null }));
    bench.nowMs += 1_000;
    const { lines } = forward(bench, []);
    expect(lines).toEqual([
      "9 late-3 ready",
      "9 job 3 starts on late-3",
      `52 job ${running} succeeded`,
      `52 job ${oneShot} succeeded`,
      "52 run-2 gone",
      "69 job 3 succeeded",
    ]);
  });

  it("what is overdue happens at once, and a stop that was ordered goes on", () => {
    const bench = new Bench();
    const job = bench.submit(model("m", { keepAliveMs: null }));
    bench.ready(1);
    bench.nowMs += 90_000;
    expect(forward(bench, []).lines).toEqual([`0 job ${job} succeeded`]);
    bench.nowMs += 90_000;
    bench.send({ type: "stop-worker", workerId: 1, force: false });
    bench.nowMs += 500;
    expect(forward(bench, []).lines).toEqual(["1.5 m-1 gone"]);
  });
});

describe("virtual time", () => {
  it("takes the given events one by one, not all at once", () => {
    const bench = new Bench();
    const lane = model("m", { keepAliveMs: null });
    let taken = 0;
    function* endless(): Generator<Event, void, undefined> {
      for (;;) {
        taken += 1;
        yield submit(bench.nowMs + taken * 1_000, lane);
      }
    }
    forward(bench, endless(), { isDone: () => bench.state.jobs.size === 5 });
    expect(taken).toBeLessThanOrEqual(6);
  });

  it("is one step for all that falls on the same millisecond", () => {
    const bench = new Bench({ gpus: [{}, {}] });
    const lanes = [model("a", { keepAliveMs: null }), model("b", { keepAliveMs: null })];
    const { steps } = forward(
      bench,
      lanes.map((lane) => submit(bench.nowMs, lane)),
    );
    expect(steps, "submissions, both ready, both ended").toBe(3);
  });

  it("goes back for nobody", () => {
    const bench = new Bench();
    const events = [submit(bench.nowMs + 2, model("m")), submit(bench.nowMs + 1, model("m"))];
    expect(() => forward(bench, events)).toThrow("comes after the one at");
  });

  it("is the same every time", () => {
    const once = (): string[] => {
      const bench = new Bench({ gpus: [{}, {}] });
      const events = Array.from({ length: 60 }, (_, index) =>
        submit(bench.nowMs + Math.floor(index / 3) * 5_000, model(`m${(index * 7) % 5}`)),
      );
      return forward(bench, events).lines;
    };
    expect(once()).toEqual(once());
    expect(once().filter((line) => line.endsWith("succeeded"))).toHaveLength(60);
  });
});
