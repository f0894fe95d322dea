import { describe, expect, test } from "vitest";
import { createLoop } from "../../src/daemon/loop.ts";
import { commandLane } from "../../src/operations/new-job.ts";
import type { LongWork, NewJob, Request } from "../../src/scheduler/events.ts";
import { restore } from "../../src/scheduler/restore.ts";
import { newJob } from "../../src/sim/users.ts";
import { systemClock } from "../../src/std/clock.ts";
import { Failure } from "../../src/std/failure.ts";
import { openDatabase, openReader } from "../../src/store/database.ts";
import { createJournal } from "../../src/store/journal.ts";
import { createQueries } from "../../src/store/queries.ts";
import { readRows } from "../../src/store/rows.ts";
import { testPolicy } from "../kit/policy.ts";
import { tempDatabase } from "../store/temp-database.ts";

const lane = commandLane({ gpus: 0, vramBytes: null, mode: "exclusive", cpus: null, ramBytes: 0 });
const held: NewJob = newJob(lane, { hold: true });
const submit = (count: number): Request => ({
  type: "submit",
  jobs: Array.from({ length: count }, () => held),
});

/** A loop over a real database, with a reader beside it and a program of others that can lock it. */
function startLoop() {
  const temp = tempDatabase();
  const db = temp.open();
  const reader = openReader(temp.file);
  const turns: number[] = [];
  const loop = createLoop({
    restore: () => restore(testPolicy(), readRows(db)),
    journal: createJournal(db),
    perform: () => {},
    fire: () => {},
    committed: () => {},
    requestsLost: () => {},
    lastSeen: () => ({ type: "gpus-seen", gpus: [] }),
    freeSpace: () => false,
    crash: (error) => {
      throw error;
    },
    watch(_what, work) {
      const startMs = performance.now();
      work();
      turns.push(performance.now() - startMs);
    },
    clock: systemClock,
  });
  return {
    loop,
    db,
    turns,
    stored: () => createQueries(reader).counts()["held"] ?? 0,
    stranger: () => openDatabase(temp.file),
    [Symbol.dispose]() {
      loop.stop();
      reader.close();
      temp[Symbol.dispose]();
    },
  };
}

function* submitParts(parts: number, size: number, seen: () => void): LongWork<number> {
  let count = 0;
  for (let part = 0; part < parts; part++) {
    const [reply] = yield [submit(size)];
    if (reply?.ok === true) count += reply.ids.length;
    seen();
  }
  return count;
}

describe("long work", () => {
  test("is one transaction over many turns: nobody sees a part of it, and others have their turn after it", async () => {
    using kit = startLoop();
    const seen: number[] = [];
    const order: string[] = [];
    const long = kit.loop.askLong(submitParts(40, 250, () => void seen.push(kit.stored())));
    const first = kit.loop.ask(submit(1)).then((ids) => order.push(`one ${ids[0]}`));
    const count = await long.then((done) => {
      order.push("long");
      return done;
    });
    await first;
    expect(count).toBe(10_000);
    expect(Math.max(...seen)).toBeLessThanOrEqual(1);
    expect(kit.stored()).toBe(10_001);
    expect(kit.turns.length, "more turns than the two requests").toBeGreaterThan(5);
    expect(order).toEqual(["one 1", "long"]);
  });

  test("that is refused in its midst has not happened, and the loop goes on", async () => {
    using kit = startLoop();
    const refused = kit.loop.askLong(
      (function* (): LongWork<never> {
        yield [submit(250)];
        yield [submit(250)];
        throw new Failure("param/invalid", "job 501 is wrong");
      })(),
    );
    await expect(refused).rejects.toMatchObject({ code: "param/invalid" });
    expect(kit.stored()).toBe(0);
    expect(kit.loop.state().jobs.size).toBe(0);
    expect(await kit.loop.ask(submit(1)), "the ids were not used").toEqual([1]);
  });

  test("that is under way when the daemon stops has not happened", async () => {
    using kit = startLoop();
    const stopped = kit.loop.askLong(
      submitParts(100, 250, () => {
        if (kit.turns.length === 2) setImmediate(() => kit.loop.stop());
      }),
    );
    await expect(stopped).rejects.toMatchObject({ code: "daemon/stopping" });
    expect(kit.stored()).toBe(0);
  });
});

describe("while another program writes [fault 12]", () => {
  test("requests wait and the event loop lives; who waits too long is told; what comes after works", async () => {
    using kit = startLoop();
    const stranger = kit.stranger();
    stranger.exec("BEGIN IMMEDIATE");
    let beats = 0;
    const beat = setInterval(() => (beats += 1), 10);
    const short = kit.loop.ask(submit(1));
    setTimeout(() => stranger.exec("ROLLBACK"), 300);
    expect(await short).toEqual([1]);
    expect(beats, "of about 30").toBeGreaterThan(10);
    stranger.exec("BEGIN IMMEDIATE");
    await expect(kit.loop.ask(submit(1))).rejects.toMatchObject({ code: "store/busy" });
    await expect(kit.loop.askLong(submitParts(2, 1, () => {}))).rejects.toMatchObject({ code: "store/busy" });
    stranger.exec("ROLLBACK");
    stranger.close();
    clearInterval(beat);
    expect(Math.max(...kit.turns), "no turn waits for the lock").toBeLessThan(500);
    expect(await kit.loop.ask(submit(1))).toEqual([2]);
  }, 20_000);
});
