import Sqlite from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OutputOf } from "../../src/client/client.ts";
import { createGpuHistoryWriter, type GpuSeen } from "../../src/store/gpu-history.ts";
import { type Host, startHost } from "../kit/host.ts";
import { refusal } from "../kit/refusal.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** An hour that began long enough ago for whatever is written below. */
const NOW = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 2 * HOUR_MS;

let host: Host;
beforeAll(async () => {
  host = await startHost({ gpus: "virtual:2x24GiB" });
});
afterAll(() => host[Symbol.asyncDispose]());

const at = (ms: number): string => new Date(ms).toISOString();

function seen(gpu: string, atMs: number, load: number | null, watts: number | null, seenMs = 5_000): GpuSeen {
  const flat = (value: number) => ({ mean: value, max: value });
  const bytes = { used: flat(3e9), ours: flat(2e9), foreign: flat(1e9), reserved: flat(4e9) };
  const told = (value: number | null) => (value === null ? null : { mean: value, max: value + 1 });
  const metrics = { ...bytes, utilization: told(load), temperature: null, power: told(watts) };
  return { gpu, atMs, seenMs, metrics };
}

/** Writes into the daemon's database as it does itself. */
function write(rows: readonly GpuSeen[], stepMs?: number): void {
  const db = new Sqlite(host.paths.database, { timeout: 5_000 });
  try {
    const known = db.prepare("SELECT COUNT(*) FROM gpu_history WHERE step_ms = ?").pluck();
    db.transaction(() => {
      createGpuHistoryWriter(db).add(rows);
      if (stepMs !== undefined)
        db.prepare("DELETE FROM gpu_history WHERE step_ms < ? AND at < ?").run(stepMs, NOW);
    })();
    expect(known.get(3_600_000)).toBeGreaterThan(0);
  } finally {
    db.close();
  }
}

const ask = (input: Parameters<typeof host.client.call<"GET /gpus/history">>[1]) =>
  host.client.call("GET /gpus/history", input);

function only(history: OutputOf<"GET /gpus/history">) {
  const [gpu] = history.gpus;
  if (gpu === undefined) throw new Error("no GPU");
  return gpu;
}

describe("the history of GPUs", () => {
  it("is there from the start: all GPUs, nothing seen", async () => {
    const { gpus, stepMs } = await ask({ since: at(NOW - 30 * DAY_MS), until: at(NOW - 29 * DAY_MS) });
    expect(gpus.map(({ index, totalBytes, holders }) => [index, totalBytes, holders])).toEqual([
      [0, 24 * 2 ** 30, []],
      [1, 24 * 2 ** 30, []],
    ]);
    expect(stepMs).toBeGreaterThan(0);
    expect(only({ gpus } as OutputOf<"GET /gpus/history">).seenMs.every((ms) => ms === 0)).toBe(true);
  });

  it("has a value a step, null where nothing was seen, and joins steps by the time seen", async () => {
    write([
      seen("GPU-virtual-0", NOW, 10, 100),
      seen("GPU-virtual-0", NOW + 5_000, 40, 100, 1_000),
      seen("GPU-virtual-0", NOW + 20_000, 70, null),
      seen("GPU-virtual-1", NOW + 20_000, null, 50),
    ]);
    const asked = { since: at(NOW), until: at(NOW + 30_000) };
    const fine = await ask({ ...asked, step: "5s" });
    expect(fine).toMatchObject({ since: at(NOW), until: at(NOW + 30_000), stepMs: 5_000, keptMs: 5_000 });
    const [first, second] = fine.gpus;
    expect(first?.seenMs).toEqual([5_000, 1_000, 0, 0, 5_000, 0]);
    expect(first?.utilizationPercent).toEqual({
      mean: [10, 40, null, null, 70, null],
      max: [11, 41, null, null, 71, null],
    });
    expect(first?.energyJoules).toEqual([500, 100, null, null, null, null]);
    expect(first?.oursBytes.mean).toEqual([2e9, 2e9, null, null, 2e9, null]);
    expect(second?.utilizationPercent.mean).toEqual([null, null, null, null, null, null]);
    expect(second?.energyJoules).toEqual([null, null, null, null, 250, null]);

    const joined = only(await ask({ ...asked, step: "15s", gpu: "0" }));
    expect(joined.utilizationPercent).toEqual({ mean: [15, 70], max: [41, 71] });
    expect(joined.energyJoules).toEqual([600, null]);
    const minute = await ask({ ...asked, step: "1m", gpu: "GPU-virtual-0" });
    expect(minute).toMatchObject({ stepMs: MINUTE_MS, keptMs: MINUTE_MS });
    expect(only(minute)).toMatchObject({ seenMs: [11_000], energyJoules: [expect.any(Number)] });
    const hours = await ask({ since: at(NOW - 5 * HOUR_MS), until: at(NOW + HOUR_MS), step: "3h", gpu: "0" });
    expect(hours.keptMs).toBe(HOUR_MS);
    expect(only(hours).seenMs.reduce((sum, ms) => sum + ms, 0)).toBe(11_000);
  });

  it("takes rows that reach back far enough and steps that do not make too many points", async () => {
    const back = Array.from({ length: 40 }, (_, day) =>
      seen("GPU-virtual-0", NOW - (day + 1) * DAY_MS, 50, 100),
    );
    write(back, HOUR_MS);
    const spans = [
      [20 * MINUTE_MS, 500],
      [HOUR_MS, 500],
      [HOUR_MS, 40],
      [3 * DAY_MS, 500],
      [40 * DAY_MS, 500],
      [4_000 * DAY_MS, 500],
    ] as const;
    const found = [];
    for (const [spanMs, points] of spans) {
      const history = await ask({ since: at(NOW + HOUR_MS - spanMs), until: at(NOW + HOUR_MS), points });
      expect(only(history).seenMs.length).toBeLessThanOrEqual(points + 2);
      found.push([history.stepMs / MINUTE_MS, (history.keptMs ?? 0) / MINUTE_MS]);
    }
    // Of the two last hours there are rows of every length; before only hours.
    expect(found).toEqual([
      [1 / 12, 1 / 12],
      [1 / 6, 1 / 12],
      [2, 1],
      [60, 60],
      [120, 60],
      [8 * 24 * 60, 60],
    ]);
  });

  it("is there of a GPU that was taken out, whose index another has now", async () => {
    const db = new Sqlite(host.paths.database, { timeout: 5_000 });
    db.exec("INSERT INTO gpus (uuid, idx, total_bytes) VALUES ('GPU-old', 0, 1000)");
    db.close();
    write([seen("GPU-old", NOW - 9 * DAY_MS, 33, 100)]);
    const span = { since: at(NOW - 9 * DAY_MS), until: at(NOW - 9 * DAY_MS + HOUR_MS), step: "1h" };
    expect(only(await ask({ ...span, gpu: "0" })).uuid).toBe("GPU-virtual-0");
    const old = only(await ask({ ...span, gpu: "GPU-old" }));
    expect(old).toMatchObject({ index: 0, name: null, utilizationPercent: { mean: [33] } });
    // Where it has nothing to tell it is left out.
    const later = await ask({ since: at(NOW), until: at(NOW + MINUTE_MS) });
    expect(later.gpus.map(({ uuid }) => uuid)).not.toContain("GPU-old");
  });

  it("says what is wrong with a question", async () => {
    const code = (input: Parameters<typeof ask>[0], expected: Parameters<typeof refusal>[0]) =>
      refusal(expected, ask(input));
    expect((await code({ gpu: "7" }, "gpu/unknown")).message).toContain('"7"');
    expect((await code({ step: "7s" }, "usage/invalid")).message).toBe('"7s" is not a multiple of 5 s');
    expect((await code({ step: "often" }, "usage/invalid")).message).toBe('"often" is not a duration');
    await code({ step: "0s" }, "usage/invalid");
    const many = await code({ step: "5s", since: at(NOW - 30 * DAY_MS) }, "usage/invalid");
    expect(many.message).toMatch(/^\d+ steps of 5s are more than 10000$/);
    const turned = await code({ since: at(NOW), until: at(NOW - 1) }, "usage/invalid");
    expect(turned.message).toBe("the history would end before it begins");
  });
});

describe("who held a GPU", () => {
  it("is told with it: leases that lie in the time, wholly or partly", async () => {
    const startedMs = Date.now();
    const first = await host.sh("true", { gpus: 1 });
    await host.until(first.id, "succeeded");
    const second = await host.sh("sleep 60", { gpus: 2 });
    await host.until(second.id, "running");
    const { workers } = await host.client.call("GET /workers", {});
    const now = await ask({ since: at(startedMs), step: "5s" });
    const [gpu, other] = now.gpus;
    expect(gpu?.holders.length).toBe(2);
    expect(gpu?.holders[1]).toMatchObject({ worker: workers[0]?.name, mode: "exclusive", to: null });
    expect(other?.holders).toEqual([gpu?.holders[1]]);
    const [past] = gpu?.holders ?? [];
    expect(Date.parse(past?.to ?? "")).toBeGreaterThanOrEqual(Date.parse(past?.from ?? ""));
    await host.client.call("POST /jobs/:job/cancel", { job: second.id });
    await host.until(second.id, "cancelled");
    const before = await ask({ since: at(startedMs - DAY_MS), until: at(startedMs - HOUR_MS) });
    expect(before.gpus.flatMap(({ holders }) => holders)).toEqual([]);
  });

  it("is found among many leases, also in the past, and the newest are told", async () => {
    const db = new Sqlite(host.paths.database, { timeout: 5_000 });
    const worker = db.prepare(
      `INSERT INTO workers (id, name, lane, runtime, fence, state, phase, pinned, created_at, gone_at)
       VALUES (@id, @name, 'old', 'old', @id, 'gone', '{}', 0, @atMs, @atMs)`,
    );
    const grant = db.prepare(
      "INSERT INTO leases (worker_id, gpu, mode, vram_bytes, fence, granted_at) VALUES (@id, 'GPU-virtual-1', 'exclusive', 1, @id, @atMs)",
    );
    const release = db.prepare("UPDATE leases SET released_at = @toMs WHERE worker_id = @id");
    const firstMs = NOW - 100 * DAY_MS;
    db.transaction(() => {
      for (let index = 0; index < 3_000; index++) {
        const lease = { id: 1_000_000 + index, atMs: firstMs + index * MINUTE_MS };
        worker.run({ ...lease, name: `old-${lease.id}` });
        grant.run(lease);
        // The last one is long.
        release.run({ id: lease.id, toMs: lease.atMs + (index === 2_999 ? DAY_MS : MINUTE_MS) });
      }
    })();
    db.close();
    const minute = (index: number): string => at(firstMs + index * MINUTE_MS);
    const names = async (from: number, to: number, gpu = "1") =>
      only(await ask({ gpu, since: minute(from), until: minute(to), step: "1m" })).holders.map(
        ({ worker }) => worker,
      );
    expect(await names(10, 12)).toEqual(["old-1000010", "old-1000011"]);
    expect(await names(2_999 + 100, 2_999 + 110)).toEqual(["old-1002999"]);
    const many = await names(0, 3_000);
    expect([many.length, many[0], many.at(-1)]).toEqual([500, "old-1002500", "old-1002999"]);
    expect(await names(10, 12, "0")).toEqual([]);
  });
});
