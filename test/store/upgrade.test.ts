import { expect, test } from "vitest";
import { checkInvariants } from "../../src/scheduler/invariants.ts";
import { restore } from "../../src/scheduler/restore.ts";
import { must } from "../../src/std/assert.ts";
import { openDatabase } from "../../src/store/database.ts";
import { migrations } from "../../src/store/migrations/index.ts";
import { readRows } from "../../src/store/rows.ts";
import { testPolicy } from "../kit/policy.ts";
import { tempDatabase } from "./temp-database.ts";

const spec = {
  key: "sdxl",
  runtime: "sdxl",
  load: "{}",
  title: "sdxl",
  residency: "resident",
  gpuCount: 1,
  mode: "exclusive",
  vramBytes: null,
  slots: 1,
  maxReplicas: 1,
  keepAliveMs: 1_000,
  stopTimeoutMs: 1_000,
};

const job = (id: number, state: string, hold: object | null): string =>
  `(${id}, 'sdxl', 'sdxl', '${state}', 0, 2, 1000, '{}', 'a job', 1000, 'ann', ${hold === null ? "NULL" : `'${JSON.stringify(hold)}'`})`;

test("a database of the first version goes on with its jobs, holds and measured costs", () => {
  using temp = tempDatabase();
  const first = openDatabase(temp.file, migrations.slice(0, 1));
  first.prepare("INSERT INTO lanes VALUES ('sdxl', ?, 9000, 700)").run(JSON.stringify(spec));
  const held = { byPerson: false, untilMs: null, after: [1] };
  const byPerson = { byPerson: true, untilMs: null, after: [] };
  first.exec(`INSERT INTO jobs (id, runtime, lane, state, priority, retries, submitted_at, params, summary, uid, user, hold)
    VALUES ${job(1, "queued", null)}, ${job(2, "held", held)}, ${job(3, "held", byPerson)};
    INSERT INTO counters VALUES ('queued', 1), ('held', 2);`);
  first.close();

  const state = restore(testPolicy(), readRows(temp.open()));
  checkInvariants(state);
  expect(state.lanes.get("sdxl")).toMatchObject({
    spec: { ...spec, cpuCores: 0, ramBytes: 0, minReplicas: 0, minResidencyMs: 0 },
    learned: { startMs: 9_000, stopMs: 700, run: { count: 0 } },
  });
  const second = must(state.jobs.get(2), "the held job is there");
  expect(second.phase).toMatchObject({ state: "held", byPerson: false, byArray: false });
  expect(second.phase.state === "held" && [...second.phase.after]).toEqual([[1, "succeeded"]]);
  expect(state.jobs.get(3)?.phase).toMatchObject({ state: "held", byPerson: true });
  expect(state.jobs.get(1)?.terms).toMatchObject({ retries: 2, retryDelayMs: 1_000, preemptible: false });
  expect(state.accounts.get("user:ann")?.waitingJobs).toBe(3);
});
