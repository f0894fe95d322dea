import { describe, expect, test } from "vitest";
import { createLoop } from "../../src/daemon/loop.ts";
import type { Effect } from "../../src/scheduler/effects.ts";
import type { NewJob, Report, Request } from "../../src/scheduler/events.ts";
import { restore } from "../../src/scheduler/restore.ts";
import { newJob } from "../../src/sim/users.ts";
import { systemClock } from "../../src/std/clock.ts";
import { Failure } from "../../src/std/failure.ts";
import { createJournal } from "../../src/store/journal.ts";
import { createQueries } from "../../src/store/queries.ts";
import { readRows } from "../../src/store/rows.ts";
import { testPolicy } from "../kit/policy.ts";
import { model } from "../kit/scheduler.ts";
import { until } from "../kit/until.ts";
import { tempDatabase } from "../store/temp-database.ts";

const policy = testPolicy();
const chat = model("chat", { slots: 4, vramBytes: 10, keepAliveMs: null });

/** A loop over a real database, with a GPU and, once asked for, a ready worker. */
async function startLoop() {
  const temp = tempDatabase();
  const db = temp.open();
  const journal = createJournal(db);
  const effects: Effect[] = [];
  const world = { isFull: false, lost: 0 };
  const writes = () => Number(db.prepare("SELECT total_changes()").pluck().get());
  const gpus: Extract<Report, { type: "gpus-seen" }> = {
    type: "gpus-seen",
    gpus: [{ uuid: "g", index: 0, totalBytes: 100, foreignBytes: 0, healthy: true }],
  };
  const loop = createLoop({
    restore: () => restore(policy, readRows(db)),
    journal: {
      ...journal,
      commit() {
        if (world.isFull) throw new Failure("store/full", "the disk is full");
        journal.commit();
      },
    },
    watch: (_what, work) => work(),
    perform: (effect) => void effects.push(effect),
    fire: () => {},
    committed: () => {},
    requestsLost: () => {
      world.lost += 1;
    },
    lastSeen: () => gpus,
    freeSpace: () => false,
    crash: (error) => {
      throw error;
    },
    clock: systemClock,
  });
  loop.report(gpus);
  const ask = (parts: Partial<NewJob>): Promise<readonly number[]> => {
    const request: Request = { type: "submit", jobs: [newJob(chat, parts)] };
    return loop.ask(request);
  };
  await ask({ isRequest: true });
  loop.report({ type: "worker-spawned", workerId: 1, identity: null });
  loop.report({ type: "worker-ready", workerId: 1, endpoint: null });
  const ran = (id: number | undefined) =>
    effects.some((each) => each.type === "run-job" && each.jobId === id);
  const end = (jobId: number): void =>
    loop.report({
      type: "job-ended",
      jobId,
      attempt: 1,
      outcome: { kind: "succeeded", exitCode: 0, message: null, output: null, artifacts: null },
    });
  await until("the worker runs the first request", () => loop.state().workers.get(1)?.jobs.size === 1);
  return {
    ...{ loop, world, effects, writes, ask, ran, end, queries: createQueries(db), db },
    [Symbol.dispose]() {
      loop.stop();
      temp[Symbol.dispose]();
    },
  };
}

const learned = (kit: Awaited<ReturnType<typeof startLoop>>): number =>
  readRows(kit.db).lanes.find(({ spec }) => spec.key === chat.key)?.learned.run.count ?? 0;

describe("requests in the loop", () => {
  test("are served without anything being written, until something else is", async () => {
    using kit = await startLoop();
    const before = kit.writes();
    const [id = 0] = await kit.ask({ isRequest: true });
    expect(kit.ran(id), "its turn comes with the answer").toBe(true);
    kit.end(id);
    await until("it is over", () => !kit.loop.state().jobs.has(id));
    expect(kit.writes()).toBe(before);
    expect(learned(kit)).toBe(0);
    await kit.ask({ hold: true });
    expect(learned(kit), "what was learned of them is written with the next change").toBe(1);
    expect(kit.queries.counts()).toEqual({ held: 1 });
  });

  test("leave what was learned behind after a while, or at the end of the daemon", async () => {
    using kit = await startLoop();
    const [id = 0] = await kit.ask({ isRequest: true });
    kit.end(id);
    await until("it is written", () => learned(kit) === 1, 8_000);
    const [last = 0] = await kit.ask({ isRequest: true });
    kit.end(last);
    await until("it is over", () => !kit.loop.state().jobs.has(last));
    kit.loop.stop();
    expect(learned(kit)).toBe(2);
  });

  test("are lost with a commit that fails, which is said, and the worker is free again", async () => {
    using kit = await startLoop();
    await kit.ask({ isRequest: true });
    expect(kit.loop.state().workers.get(1)?.jobs.size).toBe(2);
    kit.world.isFull = true;
    await expect(kit.ask({ hold: true })).rejects.toMatchObject({ code: "store/full" });
    expect(kit.world.lost).toBe(1);
    expect(kit.loop.state().workers.get(1)?.jobs.size).toBe(0);
    kit.world.isFull = false;
    const [again] = await kit.ask({ isRequest: true });
    expect(kit.ran(again)).toBe(true);
  });
});
