import { describe, expect, test } from "vitest";
import { createLoop } from "../../src/daemon/loop.ts";
import type { LoopOptions } from "../../src/daemon/loop-options.ts";
import { commandLane } from "../../src/operations/new-job.ts";
import type { Effect } from "../../src/scheduler/effects.ts";
import type { NewJob, Report, Request } from "../../src/scheduler/events.ts";
import { restore } from "../../src/scheduler/restore.ts";
import type { Changes } from "../../src/scheduler/transition.ts";
import { newJob } from "../../src/sim/users.ts";
import { systemClock } from "../../src/std/clock.ts";
import { Failure } from "../../src/std/failure.ts";
import { createJournal } from "../../src/store/journal.ts";
import { createQueries } from "../../src/store/queries.ts";
import { readRows } from "../../src/store/rows.ts";
import { testPolicy } from "../kit/policy.ts";
import { until } from "../kit/until.ts";
import { tempDatabase } from "../store/temp-database.ts";

const policy = testPolicy({ cpuCores: 2, quantumFactor: 1 });
const gpusSeen: Extract<Report, { type: "gpus-seen" }> = {
  type: "gpus-seen",
  gpus: [{ uuid: "g", index: 0, totalBytes: 100, foreignBytes: 0, healthy: true }],
};

const command = (hold: boolean): NewJob =>
  newJob(commandLane({ gpus: 0, vramBytes: null, mode: "exclusive", cpus: null, ramBytes: 0 }), { hold });
const submit = (hold = true): Request => ({ type: "submit", jobs: [command(hold)] });
const diskFull = (): never => {
  throw new Failure("store/full", "the disk is full");
};

/** A loop over a real database whose commits can be made to fail, with a record of all it does. */
function startLoop() {
  const temp = tempDatabase();
  const db = temp.open();
  const journal = createJournal(db);
  const queries = createQueries(db);
  const commits: Changes[] = [];
  const effects: Effect[] = [];
  const crashes: unknown[] = [];
  const world = {
    /** What stands in a commit's way. */
    obstacle: null as (() => never) | null,
    reserve: 0,
    asked: 0,
    tries: 0,
    seen: 0,
  };
  const options: LoopOptions = {
    restore: () => restore(policy, readRows(db)),
    journal: {
      ...journal,
      write(changes) {
        world.tries += 1;
        world.obstacle?.();
        commits.push(changes);
        return journal.write(changes);
      },
    },
    watch: (_what, work) => work(),
    perform: (effect) => void effects.push(effect),
    fire: () => {},
    committed: () => {},
    requestsLost: () => {},
    lastSeen: () => ({
      type: "gpus-seen",
      get gpus() {
        world.seen += 1; // Once for every time that a step is given this look.
        return gpusSeen.gpus;
      },
    }),
    freeSpace() {
      world.asked += 1;
      world.reserve -= 1;
      return world.reserve >= 0;
    },
    crash: (error) => void crashes.push(error),
    clock: systemClock,
  };
  const loop = createLoop(options);
  return {
    loop,
    queries,
    commits,
    effects,
    crashes,
    world,
    [Symbol.dispose]() {
      loop.stop();
      temp[Symbol.dispose]();
    },
  };
}

describe("the loop", () => {
  test("makes one commit of all that is asked in one turn, and answers each", async () => {
    using kit = startLoop();
    const asked = Array.from({ length: 50 }, () => kit.loop.ask(submit()));
    expect(kit.commits.length, "nothing is done before the turn is over").toBe(0);
    const ids = (await Promise.all(asked)).flat();
    expect(ids).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(kit.commits.length).toBe(1);
    expect(kit.queries.counts()).toEqual({ held: 50 });
  });

  test("answers once the answer is on disk, and acts after that", async () => {
    using kit = startLoop();
    const [id] = await kit.loop.ask(submit(false));
    expect(kit.queries.job(id ?? 0)?.state).toBe("starting");
    expect(kit.effects).toEqual([{ type: "start-worker", workerId: 1 }]);
  });

  test("refuses one and grants the others of the same turn", async () => {
    using kit = startLoop();
    const [good, bad] = await Promise.allSettled([
      kit.loop.ask(submit()),
      kit.loop.ask({ type: "cancel", jobId: 77 }),
    ]);
    expect(good.status).toBe("fulfilled");
    expect(bad).toMatchObject({ status: "rejected", reason: { code: "job/unknown" } });
    expect(kit.queries.counts()).toEqual({ held: 1 });
  });

  test("on a failed commit forgets the step, tells who asked, and keeps what the world said", async () => {
    using kit = startLoop();
    await kit.loop.ask(submit(false));
    const before = kit.loop.state();
    kit.world.obstacle = diskFull;
    const asked = kit.loop.ask(submit());
    kit.loop.report({ type: "worker-spawned", workerId: 1, identity: { pid: 5 } });
    await expect(asked).rejects.toMatchObject({ code: "store/full" });
    expect(kit.loop.state()).not.toBe(before);
    expect(kit.loop.state().jobs.size, "the second job was never taken").toBe(1);
    expect(kit.queries.job(1)?.state).toBe("starting");
    kit.world.obstacle = null;
    await until("the report is tried again", () => kit.queries.job(1)?.state === "running");
    expect(JSON.parse(kit.queries.worker(1)?.identity ?? "")).toEqual({ pid: 5 });
    expect(kit.loop.state().gpus.get("g")?.healthy, "the GPUs are known again").toBe(true);
  });

  test("tries at once where space could be freed, and does not free it for other trouble", async () => {
    using kit = startLoop();
    kit.world.reserve = 1;
    kit.world.obstacle = () => {
      kit.world.obstacle = null;
      return diskFull();
    };
    kit.loop.report(gpusSeen);
    await until("it is written", () => kit.commits.length > 0);
    expect(kit.world.asked).toBe(1);
    kit.world.obstacle = () => {
      throw new Failure("store/busy", "locked");
    };
    await expect(kit.loop.ask(submit())).rejects.toMatchObject({ code: "store/busy" });
    expect(kit.world.asked).toBe(1);
  });

  test("while nothing can be written what it keeps does not grow", async () => {
    using kit = startLoop();
    kit.world.obstacle = diskFull;
    kit.world.reserve = 30;
    kit.loop.report({ type: "worker-ready", workerId: 9, endpoint: null });
    await until("many tries have failed", () => kit.world.tries > 30);
    expect(kit.world.seen, "each try looks at the GPUs once").toBeLessThanOrEqual(kit.world.tries);
    kit.world.obstacle = null;
    await kit.loop.ask(submit());
    expect(kit.queries.counts()).toEqual({ held: 1 });
  });

  test("a daemon that stops starts nothing new after a failed commit either", async () => {
    using kit = startLoop();
    await kit.loop.ask(submit());
    await kit.loop.ask({ type: "shut-down", mode: "drain" });
    kit.world.obstacle = diskFull;
    await expect(kit.loop.ask({ type: "hold", jobId: 1 })).rejects.toMatchObject({ code: "store/full" });
    kit.world.obstacle = null;
    await kit.loop.ask({ type: "release", jobId: 1 });
    await expect(kit.loop.ask(submit())).rejects.toMatchObject({ code: "daemon/stopping" });
    expect(kit.effects).toEqual([]);
  });

  test("a shutdown that could not be written down is not half in force", async () => {
    using kit = startLoop();
    kit.world.obstacle = diskFull;
    await expect(kit.loop.ask({ type: "shut-down", mode: "leave" })).rejects.toMatchObject({
      code: "store/full",
    });
    kit.world.obstacle = null;
    await expect(kit.loop.ask(submit())).resolves.toEqual([1]);
  });

  test("stops at a bug: nothing is committed, everyone is told", async () => {
    using kit = startLoop();
    const broken = { type: "submit", jobs: null } as unknown as Request;
    const [first, second] = await Promise.allSettled([kit.loop.ask(submit()), kit.loop.ask(broken)]);
    expect(first).toMatchObject({ status: "rejected", reason: { code: "bug" } });
    expect(second).toMatchObject({ status: "rejected", reason: { code: "bug" } });
    expect(kit.crashes.length).toBe(1);
    expect(kit.commits.length).toBe(0);
    await expect(kit.loop.ask(submit())).rejects.toMatchObject({ code: "daemon/stopping" });
    expect(kit.queries.counts()).toEqual({});
  });

  test("a damaged database is a reason to stop, too", async () => {
    using kit = startLoop();
    kit.world.obstacle = () => {
      throw new Failure("store/damaged", "it is damaged");
    };
    await expect(kit.loop.ask(submit())).rejects.toMatchObject({ code: "store/damaged" });
    expect(kit.crashes.length).toBe(1);
  });

  test("when it is stopped, handles what has arrived and refuses the rest", async () => {
    using kit = startLoop();
    const asked = kit.loop.ask(submit());
    kit.loop.stop();
    await expect(asked).resolves.toEqual([1]);
    await expect(kit.loop.ask(submit())).rejects.toMatchObject({ code: "daemon/stopping" });
    kit.loop.report(gpusSeen);
    expect(kit.commits.length).toBe(1);
  });

  test("wakes up by itself when a limit is over", async () => {
    using kit = startLoop();
    await kit.loop.ask({ type: "submit", jobs: [{ ...command(false), timeLimitMs: 50 }] });
    kit.loop.report({ type: "worker-spawned", workerId: 1, identity: {} });
    await until("its worker is stopped", () => kit.effects.some(({ type }) => type === "stop-worker"));
    expect(kit.queries.job(1)?.state).toBe("running");
  });
});
