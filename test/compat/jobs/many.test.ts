import Sqlite from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { useOrch } from "../../e2e/session.ts";
import type { OrchHome } from "../../kit/orch-home.ts";
import { type AskJobs, askJobs, submitJob, untilEnded, writeJobs } from "./jobs-home.ts";

const MANY = 100_000;
/** Every fourth of the old jobs failed, every tenth is of the second app; each ran for two seconds a month ago. */
const SEED = `
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MANY})
INSERT INTO label_sets (id, labels) SELECT 1000000 + i, json_object(
  'job-client.app', CASE WHEN i % 10 = 0 THEN 'z-image' ELSE 'sdxl-image-gen' END,
  'job-client.id', printf('%08x-0000-8000-8000-', i)) FROM n;
INSERT INTO labels (set_id, name, value)
  SELECT s.id, l.key, l.value FROM label_sets s, json_each(s.labels) l WHERE s.id > 1000000;
INSERT INTO jobs (id, runtime, lane, state, priority, retries, attempts, submitted_at, started_at, finished_at, params,
    summary, uid, user, label_set)
  SELECT :first + id - 1000000, 'painter', 'l', CASE WHEN id % 4 = 0 THEN 'failed' ELSE 'succeeded' END, 0, 0, 1,
    :agoMs, :agoMs + 1000, :agoMs + 3000, '{"prompt":"' || hex(zeroblob(200)) || '"}', '', :uid, 'me', id
  FROM label_sets WHERE id > 1000000;`;

const createHome = useOrch();
let home: OrchHome;
let asked: AskJobs;
let newest = "";
beforeAll(async () => {
  home = createHome();
  writeJobs(home);
  const daemon = await home.daemon();
  asked = await askJobs(home);
  await untilEnded(asked, await submitJob(asked, "sdxl-image-gen", { prompt: "first" }));
  daemon.signal("SIGTERM");
  await daemon.ended;
  addOld(home.database);
  await home.daemon();
  asked = await askJobs(home);
  newest = await submitJob(asked, "z-image", { prompt: "newest" });
  await untilEnded(asked, newest);
}, 60_000);
afterAll(() => home[Symbol.asyncDispose]());

function addOld(database: string): void {
  const db = new Sqlite(database);
  const first = db.prepare("SELECT MAX(id) FROM jobs").pluck().get() as number;
  const agoMs = Date.now() - 30 * 86_400_000;
  const values: Readonly<Record<string, number>> = { first, agoMs, uid: process.getuid?.() ?? 0 };
  db.exec(SEED.replaceAll(/:(\w+)/g, (_, name: string) => String(values[name])));
  db.close();
}

interface Page {
  readonly jobs: readonly { readonly id: string; readonly status: string; readonly app_id: string }[];
  readonly total: number;
}

const page = async (query: string): Promise<Page> =>
  (await asked(`/admin/jobs${query}`)).json as unknown as Page;

describe("a hundred thousand jobs", () => {
  it("are summed up, all of them", async () => {
    const { json } = await asked("/admin/metrics/summary");
    expect(json).toMatchObject({
      total_jobs: MANY + 2,
      jobs_24h: 2,
      jobs_by_status: { COMPLETED: (MANY / 4) * 3 + 2, FAILED: MANY / 4 },
      jobs_by_app: { "sdxl-image-gen": (MANY / 10) * 9 + 1, "z-image": MANY / 10 + 1 },
    });
    // Two seconds each, by the rules of the apps; the two new ones took some seconds at most.
    const old = MANY * 0.9 * (2 * 0.003 + 0.015) + MANY * 0.1 * (2 * 0.002 + 0.01);
    expect(json["total_cost"]).toBeGreaterThan(old + 0.025);
    expect(json["total_cost"]).toBeLessThan(old + 1);
  });

  it("are paged, newest first, to the very end", async () => {
    const first = await page("?limit=3");
    expect(first.total).toBe(MANY + 2);
    expect(first.jobs[0]?.id).toBe(newest);
    const ids = (await page("?limit=2&offset=1")).jobs.map(({ id }) => id);
    expect(ids).toEqual(first.jobs.slice(1).map(({ id }) => id));
    const last = await page(`?limit=5&offset=${MANY}`);
    expect(last.jobs).toHaveLength(2);
    expect((await page(`?offset=${MANY * 2}`)).jobs).toEqual([]);
  });

  it("are filtered by what they are of and how they ended", async () => {
    const { total, jobs } = await page("?status=failed&app_id=z-image&limit=1000");
    expect([total, jobs.length]).toEqual([MANY / 20, 1000]);
    expect(new Set(jobs.map(({ status, app_id: app }) => `${app} ${status}`))).toEqual(
      new Set(["z-image FAILED"]),
    );
    const { json } = await asked("/admin/workers/status");
    const [worker] = (json["workers"] as { worker_id: string }[]).map(({ worker_id: id }) => id);
    expect((await page(`?worker_id=${worker}`)).total).toBe(1);
    expect((await page("?worker_id=nobody")).total).toBe(0);
    expect((await page("?app_id=nobody")).total).toBe(0);
    expect((await page("?status=nothing")).total).toBe(0);
  });

  it("are looked at within a second or so, while others are served", async () => {
    const began = performance.now();
    const [, , status] = await Promise.all([page(""), asked("/admin/metrics/summary"), timed("/workers")]);
    const tookMs = performance.now() - began;
    // Alone on a machine it is a tenth of it.
    expect(tookMs).toBeLessThan(5_000);
    expect(status).toBeLessThan(tookMs);
  });
});

async function timed(path: string): Promise<number> {
  const began = performance.now();
  await asked(path);
  return performance.now() - began;
}
