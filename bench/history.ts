// What the history of eight GPUs costs: a write every 5 s beside the scheduler's commits, its size after a year, and how
// long the daemon takes to answer from it.
import fs from "node:fs";
import { resolvePaths } from "../src/config/paths.ts";
import { type Database, openDatabase } from "../src/store/database.ts";
import { createGpuHistoryWriter, type GpuSeen, gpuHistorySteps } from "../src/store/gpu-history.ts";
import { record } from "../test/daemon/gpus/history-bench.ts";
import { openDisk } from "./kit/disk.ts";
import { isQuick, megabytes, milliseconds, report } from "./kit/figure.ts";
import { watchDaemon } from "./kit/stall-watch.ts";
import { quantile } from "./kit/statistics.ts";

const GPUS = 8;
const GIB = 2 ** 30;
const HOUR_MS = 3_600_000;
const KEPT_MS = [2 * HOUR_MS, 48 * HOUR_MS, (isQuick ? 30 : 365) * 24 * HOUR_MS];
const TICKS = isQuick ? 200 : 1_000;
const COMMITS_MS = 2_000;
const MOST_BYTES = 50e6;
/** A fifth of what the event loop may stand still. */
const MOST_TICK_MS = 10;
const [STEP_MS] = gpuHistorySteps;

const { home, start, stop, ask, watch } = watchDaemon();
const { database, stateDir } = resolvePaths({ env: { ORCH_HOME: home }, cwd: home, uid: 0 });
fs.mkdirSync(stateDir, { recursive: true, mode: 0o700 });
const db = openDatabase(database);
const emptyBytes = usedBytes(db);
const nowMs = Date.now();
fill(db);
const bytes = usedBytes(db) - emptyBytes;
report({
  name: `history of ${GPUS} GPUs, all that is kept`,
  target: `< ${megabytes(MOST_BYTES)}`,
  measured: megabytes(bytes),
  met: bytes < MOST_BYTES,
  baseline: `${db.prepare("SELECT COUNT(*) FROM gpu_history").pluck().get()} rows`,
});
measureTicks(db);
db.close();

await start("a daemon with it, once it listens");
const since = (ms: number): string => new Date(nowMs - ms).toISOString();
for (const [name, spanMs] of [
  ["2 hours", KEPT_MS[0]],
  ["2 days", KEPT_MS[1]],
  ["all hours", KEPT_MS[2]],
] as const)
  for (const gpu of ["", `&gpu=${uuidOf(0)}`])
    await watch(`GET /gpus/history, ${name}, ${gpu === "" ? `${GPUS} GPUs` : "one GPU"}`, () =>
      ask("GET", `/gpus/history?since=${since(spanMs ?? 0)}${gpu}`),
    );
await stop();
fs.rmSync(home, { recursive: true, force: true });

/** As long as those of boards. */
function uuidOf(gpu: number): string {
  return `GPU-0a1b2c3d-0000-0000-0000-00000000000${gpu}`;
}

/** Without pages that are free. */
function usedBytes(target: Database): number {
  const count = (pragma: string): number => Number(target.pragma(pragma, { simple: true }));
  return (count("page_count") - count("freelist_count")) * count("page_size");
}

/** Every row that is kept, each full. */
function fill(target: Database): void {
  const writer = createGpuHistoryWriter(target);
  const putGpu = target.prepare("INSERT INTO gpus (uuid, idx, total_bytes) VALUES (?, ?, ?)");
  target.transaction(() => {
    for (let gpu = 0; gpu < GPUS; gpu++) putGpu.run(uuidOf(gpu), gpu, 80 * GIB);
  })();
  const steps = gpuHistorySteps
    .map((stepMs, index) => ({ stepMs, keptMs: KEPT_MS[index] ?? 0 }))
    .toReversed();
  for (const { stepMs, keptMs } of steps) {
    // Longer steps are made from these, too: one write of each is enough.
    const isFinest = stepMs === STEP_MS;
    target.transaction(() => {
      for (let atMs = nowMs - keptMs; atMs < nowMs; atMs += stepMs)
        writer.add(
          Array.from({ length: GPUS }, (_, gpu) =>
            seen(gpu, isFinest ? atMs : atMs - (atMs % stepMs), stepMs),
          ),
        );
    })();
    if (!isFinest) target.prepare("DELETE FROM gpu_history WHERE step_ms < ?").run(stepMs);
  }
}

function seen(gpu: number, atMs: number, seenMs: number): GpuSeen {
  const step = Math.floor(atMs / 1_000);
  const value = (scale: number): { mean: number; max: number } => {
    const mean = scale * (0.5 + 0.4 * Math.sin(step * 0.7 + gpu));
    return { mean, max: mean * 1.05 };
  };
  return {
    gpu: uuidOf(gpu),
    atMs,
    seenMs,
    metrics: {
      utilization: value(100),
      used: value(80 * GIB),
      ours: value(60 * GIB),
      foreign: value(20 * GIB),
      reserved: value(70 * GIB),
      temperature: value(80),
      power: value(700),
    },
  };
}

/** As the daemon writes them, beside a commit of one row on the same disk. */
function measureTicks(target: Database): void {
  const { look } = record(target, { isSlow: true });
  const said = Array.from({ length: GPUS }, (_, gpu) => ({
    ...{ gpu: uuidOf(gpu), load: 50, used: 60 * GIB, foreign: GIB, watts: 300 },
  }));
  const timesMs: number[] = [];
  const cpuBefore = process.cpuUsage();
  const startsAtMs = nowMs - (nowMs % STEP_MS);
  for (let tick = 1; tick <= TICKS; tick++) {
    const startMs = performance.now();
    look(startsAtMs + tick * STEP_MS, ...said);
    timesMs.push(performance.now() - startMs);
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  const disk = openDisk();
  const commits = disk.commits(COMMITS_MS);
  disk.close();
  const both = (samples: readonly number[]): string =>
    `${milliseconds(quantile(samples, 0.5))}, ${milliseconds(quantile(samples, 0.99))}`;
  report({
    name: `5 s of ${GPUS} GPUs written: p50, p99`,
    target: `p99 < ${MOST_TICK_MS} ms`,
    measured: both(timesMs),
    met: quantile(timesMs, 0.99) < MOST_TICK_MS,
    baseline: `a commit of one row: ${both(commits)}; CPU ${milliseconds((user + system) / 1_000 / TICKS)}`,
  });
}
