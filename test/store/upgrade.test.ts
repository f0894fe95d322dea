import { expect, test } from "vitest";
import { checkInvariants } from "../../src/scheduler/invariants.ts";
import { restore } from "../../src/scheduler/restore.ts";
import { must } from "../../src/std/assert.ts";
import { openDatabase } from "../../src/store/database.ts";
import { createJobsTogether } from "../../src/store/jobs-together.ts";
import { migrations } from "../../src/store/migrations/index.ts";
import { readRows } from "../../src/store/rows.ts";
import { createWebhookStore } from "../../src/store/webhooks.ts";
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

test("webhooks of before go on where they were, and one of many jobs may stand beside that of its first", () => {
  using temp = tempDatabase();
  const before = openDatabase(temp.file, migrations.slice(0, 16));
  before.exec(`INSERT INTO lanes (key, spec) VALUES ('sdxl', '{}');
    INSERT INTO jobs (id, runtime, lane, state, priority, retries, submitted_at, params, summary, uid, user, hold)
      VALUES ${job(1, "queued", null)}, ${job(2, "queued", null)}, ${job(3, "queued", null)};
    INSERT INTO webhooks (job_id, url, events, base, told, tries, detail) VALUES (1, 'http://x/', '["completed"]', '', 2, 4, 'it was answered with 503');
    INSERT INTO webhooks (job_id, url, events, base, state) VALUES (2, 'http://x/', '["start"]', '', 'dead');`);
  before.close();

  const db = temp.open();
  const webhooks = createWebhookStore(db, db);
  expect(webhooks.open(0, 9)).toMatchObject([
    { jobId: 1, jobs: 0, told: 2, tries: 4, detail: "it was answered with 503", events: ["completed"] },
  ]);
  db.prepare(
    "INSERT INTO webhooks (job_id, jobs, url, events, base) VALUES (1, 3, 'http://y/', '[]', '')",
  ).run();
  const list = (asked: object) => {
    const rows = webhooks.list({ state: null, jobId: null, after: null, limit: 9, ...asked });
    return rows.map(({ jobId, jobs }) => [jobId, jobs]);
  };
  expect(list({})).toEqual([
    [2, 0],
    [1, 3],
    [1, 0],
  ]);
  expect(list({ after: { jobId: 1, jobs: 3 } }), "from there on").toEqual([[1, 0]]);
  expect(list({ state: "dead" })).toEqual([[2, 0]]);
  expect(list({ jobId: 3 }), "as one of many").toEqual([[1, 3]]);
  expect(list({ jobId: 2 })).toEqual([
    [1, 3],
    [2, 0],
  ]);
  expect(list({ jobId: 4 })).toEqual([]);
  expect(webhooks.find({ jobId: 1, jobs: 3 })).toMatchObject({ uid: 1000, user: "ann", submittedAtMs: 1000 });
  const together = createJobsTogether(db);
  expect(together.firstLive({ jobId: 1, jobs: 3 })).toBe(1);
  db.exec("UPDATE jobs SET state = 'failed', finished_at = 7000 WHERE id = 1");
  db.exec("UPDATE jobs SET state = 'succeeded', finished_at = 6000 WHERE id = 3");
  expect(together.firstLive({ jobId: 1, jobs: 3 })).toBe(2);
  expect(together.firstLive({ jobId: 3, jobs: 1 })).toBe(null);
  expect(together.ends({ jobId: 1, jobs: 3 })).toEqual({ succeeded: 1, failed: 1, cancelled: 0 });
  expect(together.lastEndMs({ jobId: 1, jobs: 3 }, 0, 9)).toBe(7_000);
  expect(together.lastEndMs({ jobId: 1, jobs: 3 }, 1, 9)).toBe(6_000);
});
