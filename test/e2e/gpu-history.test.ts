import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { OutputOf } from "../../src/client/client.ts";
import type { OrchHome } from "../kit/orch-home.ts";
import { until } from "../kit/until.ts";
import { query, runDetached, untilOver, untilState, useOrch } from "./session.ts";

const createHome = useOrch();
const GIB = 2 ** 30;

interface Row {
  readonly at: number;
  readonly seen: number;
  readonly used: number;
  readonly reserved: number;
}

const rows = (home: OrchHome, stepMs: number, gpu = "GPU-virtual-0"): Row[] =>
  query<Row>(
    home,
    "SELECT at, seen_ms AS seen, used_max AS used, reserved_max AS reserved FROM gpu_history WHERE step_ms = ? AND gpu = ? ORDER BY at",
    stepMs,
    gpu,
  );

it("keeps what a real daemon sees of its GPUs, through kill -9 and a restart, and shows it", async () => {
  await using home = createHome();
  const held = join(home.dir, "held");
  mkdirSync(held);
  const gpus = `virtual:2x24GiB,held=${held}`;
  const first = await home.daemon("--gpus", gpus);
  const script = `echo 6GiB > ${held}/0-$$; exec sleep 60`;
  const job = await runDetached(home, "--gpus", "1", "--", "sh", "-c", script);
  await untilState(home, job, "running");
  const [step] = await until(
    "a step is written in which the job held its GPU",
    async () => {
      const found = rows(home, 5_000).filter(
        ({ used, reserved }) => used === 6 * GIB && reserved === 24 * GIB,
      );
      return found.length > 0 ? found : null;
    },
    20_000,
  );
  expect(step?.seen).toBeLessThanOrEqual(5_000);
  const before = rows(home, 3_600_000).at(-1);
  await first.kill();
  const second = await home.daemon("--gpus", gpus);
  await until(
    "the same hour goes on",
    async () => (rows(home, 3_600_000).at(-1)?.seen ?? 0) > (before?.seen ?? 0),
    20_000,
  );
  second.signal("SIGTERM");
  expect(await second.ended).toBe(0);
  // What was not a whole step is written at the end; all lengths have seen the same.
  const total = (stepMs: number): number => rows(home, stepMs).reduce((sum, { seen }) => sum + seen, 0);
  expect([total(60_000), total(3_600_000)]).toEqual([total(5_000), total(5_000)]);

  await home.daemon("--gpus", gpus);
  const printed = await home.orch(["gpus", "--history", "--since", "10m", "--json"]);
  const history = JSON.parse(printed.stdout) as OutputOf<"GET /gpus/history">;
  const [held0, free] = history.gpus;
  expect(Math.max(...(held0?.usedBytes.max ?? []).map((value) => value ?? 0))).toBe(6 * GIB);
  expect(Math.max(...(free?.usedBytes.max ?? []).map((value) => value ?? 0))).toBe(0);
  expect(held0?.holders).toMatchObject([{ mode: "exclusive", vramBytes: 24 * GIB, to: null }]);
  expect(free?.holders).toEqual([]);
  const shown = await home.orch(["gpus", "--history", "--gpu", "0"]);
  expect(shown.stdout).toMatch(/^ +0 +memory +·+[▁-█]+·* .* 6 GiB +-$/m);
  expect(shown.stdout).toMatch(new RegExp(`^ +0 +a +${held0?.holders[0]?.worker} `, "m"));
  expect(await home.orch(["gpus", "--history", "--gpu", "2"])).toMatchObject({ code: 5 });
  await home.client.call("POST /jobs/:job/cancel", { job });
  await untilOver(home, job);
});

it("keeps no more than the config says, and refuses less than a minute", async () => {
  await using home = createHome({ ORCH_GPU_HISTORY_FINE: "1m" });
  await home.daemon("--gpus", "virtual:1x1GiB");
  const put = `INSERT INTO gpu_history (step_ms, at, gpu, seen_ms, used_mean, used_max, ours_mean, ours_max, foreign_mean,
    foreign_max, reserved_mean, reserved_max) VALUES (?, ?, 'GPU-virtual-0', 1000, 0, 0, 0, 0, 0, 0, 0, 0)`;
  const { default: Sqlite } = await import("better-sqlite3");
  const db = new Sqlite(home.database, { timeout: 5_000 });
  const oldMs = Math.floor(Date.now() / 3_600_000 - 1) * 3_600_000;
  for (const stepMs of [5_000, 60_000, 3_600_000]) db.prepare(put).run(stepMs, oldMs);
  db.close();
  await until("the old 5 s are gone", async () => rows(home, 5_000).every(({ at }) => at !== oldMs), 20_000);
  expect([rows(home, 60_000)[0]?.at, rows(home, 3_600_000)[0]?.at]).toEqual([oldMs, oldMs]);
  const refused = await home.orch(["config", "explain", "gpuHistoryFine"], {
    env: { ORCH_GPU_HISTORY_FINE: "5s" },
  });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("expected at least 1m") });
});
