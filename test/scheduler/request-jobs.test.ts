import { describe, expect, it } from "vitest";
import { durablePart, isRequestId, isTallyAlone } from "../../src/scheduler/request-jobs.ts";
import { restore } from "../../src/scheduler/restore.ts";
import { rowsOf } from "../../src/scheduler/rows.ts";
import { Bench, model } from "../kit/scheduler.ts";

const chat = model("chat", { slots: 2 });
const other = model("other");
const request = { isRequest: true };

describe("requests", () => {
  it("take their places among the jobs of their lane by age", () => {
    const bench = new Bench();
    const running = bench.submit(chat);
    bench.submit(chat);
    const ids = [
      bench.submit(chat),
      bench.submit(chat, request),
      bench.submit(chat, request),
      bench.submit(chat),
    ];
    expect(ids.map(isRequestId)).toEqual([false, true, true, false]);
    expect(bench.job(running).lane.queue.list(9).slice(-4)).toEqual(ids);
    expect(ids[3]).toBe((ids[0] ?? 0) + 1);
  });

  it("fill a million places between two jobs, and go on with the next number then", () => {
    const bench = new Bench();
    const before = bench.submit(chat);
    bench.state.lastRequestId = before + 1 - 2 ** -20;
    const late = bench.submit(chat, request);
    expect(late).toBeGreaterThan(before + 1);
    expect(bench.submit(chat)).toBe(before + 2);
    expect(bench.submit(chat, request)).toBeGreaterThan(before + 2);
  });

  it("bring their worker in, run on it beside jobs, and leave tallies alone", () => {
    const bench = new Bench();
    const id = bench.submit(chat, request);
    expect(bench.effects).toEqual(["start 1"]);
    expect(isTallyAlone(durablePart(bench.last.changes)), "a worker that starts is no tally").toBe(false);
    bench.ready(1);
    expect(bench.effects).toEqual([`run ${id} on 1`]);
    bench.submit(chat, request);
    expect(isTallyAlone(durablePart(bench.last.changes))).toBe(true);
    const job = bench.submit(chat);
    expect(bench.job(job).phase.state).toBe("queued");
    bench.end(id);
    expect(bench.job(job).phase.state).toBe("running");
    expect(bench.job(job).lane.learned.run.count).toBe(1);
  });

  it("keep nothing of themselves on disk, where a restart finds their worker idle", () => {
    const bench = new Bench();
    bench.submit(chat, request);
    bench.submit(other, request);
    bench.ready(1);
    const job = bench.submit(chat);
    const rows = rowsOf(bench.state);
    const restored = restore(bench.state.policy, {
      ...rows,
      jobs: [...rows.jobs].filter(({ id }) => !isRequestId(id)),
    });
    expect([...restored.jobs.keys()]).toEqual([job]);
    expect([...(restored.workers.get(1)?.jobs ?? [])].map(({ id }) => id)).toEqual([job]);
  });

  it("are told at once when their worker cannot be started, while jobs wait for another try", () => {
    const bench = new Bench();
    const [first, second] = [bench.submit(chat, request), bench.submit(chat, request)];
    const job = bench.submit(chat);
    bench.send({
      type: "worker-start-failed",
      workerId: 1,
      cause: "program",
      message: "no such file",
    });
    expect(bench.last.changes.ended.map((end) => [end.job.id, end.reason])).toEqual(
      [first, second].map((id) => [id, { code: "start-failed", text: "no such file" }]),
    );
    expect(bench.job(job).phase.state).toBe("queued");
  });

  it("that are lost with their worker run once more", () => {
    const bench = new Bench();
    const id = bench.submit(chat, request);
    bench.ready(1);
    bench.send({
      type: "worker-exited",
      workerId: 1,
      exit: { exitCode: 9, detail: "killed" },
      result: null,
    });
    expect(bench.job(id).attempts).toBe(1);
    bench.pass(120_000);
    bench.ready(2);
    expect(bench.effects).toEqual([`run ${id} on 2`]);
    expect(bench.job(id).attempts).toBe(2);
  });
});
