import { expect, test } from "vitest";
import { restore } from "../../src/scheduler/restore.ts";
import { newJob } from "../../src/sim/users.ts";
import { createJournal } from "../../src/store/journal.ts";
import { readRows } from "../../src/store/rows.ts";
import { Bench, model } from "../kit/scheduler.ts";
import { commitStep } from "./commit-step.ts";
import { tempDatabase } from "./temp-database.ts";

test("an array's limit is kept until its last job is over, also while only held ones are left", () => {
  using temp = tempDatabase();
  const db = temp.open();
  const journal = createJournal(db);
  const bench = new Bench({ gpus: [] });
  bench.seeGpus([{ healthy: false }]);
  commitStep(journal, bench.last.changes);
  const jobs = [newJob(model("chat")), newJob(model("chat"), { hold: true })];
  bench.send({ type: "submit", jobs, array: { maxActive: 1 } });
  commitStep(journal, bench.last.changes);
  commitStep(journal, bench.send({ type: "cancel", jobId: 1 }).changes);
  expect(readRows(db).arrays).toEqual([{ id: 1, maxActive: 1 }]);
  expect(restore(bench.state.policy, readRows(db)).jobs.size).toBe(1);
  commitStep(journal, bench.send({ type: "cancel", jobId: 2 }).changes);
  expect(readRows(db).arrays).toEqual([]);
});
