import type { GpuHistoryView } from "../../../protocol/gpu-history-view.ts";
import type { Exchange } from "../../port.ts";
import { answerJson } from "../answer.ts";
import { ADMIN_HEADERS, type JobsDesk, refuse, runtimesNow } from "./desk.ts";
import { appWorkers } from "./worker-pages.ts";

const MIB = 2 ** 20;
const HOUR_MS = 3_600_000;

/** How long a range is, and the length of its steps. */
const RANGES = {
  "1h": { spanMs: HOUR_MS, step: "1m", interval: "1 minute" },
  "6h": { spanMs: 6 * HOUR_MS, step: "5m", interval: "5 minutes" },
  "24h": { spanMs: 24 * HOUR_MS, step: "15m", interval: "15 minutes" },
  "7d": { spanMs: 7 * 24 * HOUR_MS, step: "1h", interval: "60 minutes" },
} as const;

type Range = keyof typeof RANGES;

/** `GET /admin/metrics/gpu`: what the GPUs of a worker did, step by step. */
export async function gpuMetrics(desk: JobsDesk, exchange: Exchange): Promise<void> {
  const { query, caller, response } = exchange;
  const asked = new URLSearchParams(query);
  const worker = asked.get("worker_id") || null;
  if (worker === null) return refuse(exchange, 400, "worker_id required");
  const given = asked.get("range") ?? "";
  const range: Range = Object.hasOwn(RANGES, given) ? (given as Range) : "24h";
  const { spanMs, step, interval } = RANGES[range];
  const history = await desk.port.call(
    "GET /gpus/history",
    { since: desk.port.clock.nowMs() - spanMs, step },
    caller,
  );
  const names = await workersCalled(desk, exchange, worker);
  const metrics = history.gpus
    .filter(({ holders }) => holders.some((holder) => names.includes(holder.worker)))
    .flatMap((gpu) => stepsOf(gpu, Date.parse(history.since), history.stepMs));
  answerJson(response, 200, { worker_id: worker, range, interval, metrics }, ADMIN_HEADERS);
}

/** A worker may be called by its own name, as in workers.yaml, or as its app. */
async function workersCalled(desk: JobsDesk, { caller }: Exchange, name: string): Promise<string[]> {
  const found = await appWorkers(desk, caller, await runtimesNow(desk, caller));
  const same = found.filter(({ app }) => app.worker === name || app.id === name);
  return [name, ...same.map(({ worker }) => worker.name)];
}

function stepsOf(gpu: GpuHistoryView, firstMs: number, stepMs: number): object[] {
  return gpu.seenMs.flatMap((seenMs, index) => {
    if (seenMs === 0) return [];
    const used = gpu.usedBytes.mean[index] ?? null;
    return [
      {
        time: new Date(firstMs + index * stepMs).toISOString(),
        gpu_id: gpu.index,
        utilization: gpu.utilizationPercent.mean[index] ?? null,
        vram_used_mb: used === null ? null : Math.round(used / MIB),
        vram_total_mb: Math.round(gpu.totalBytes / MIB),
        temperature_c: gpu.temperatureCelsius.mean[index] ?? null,
        power_draw_w: gpu.powerWatts.mean[index] ?? null,
      },
    ];
  });
}

/** `GET /admin/metrics/latest`: the GPUs as they were read last, once for each worker that holds them. */
export async function latestMetrics({ port }: JobsDesk, { caller, response }: Exchange): Promise<void> {
  const { gpus } = await port.call("GET /gpus", {}, caller);
  const time = new Date(port.clock.nowMs()).toISOString();
  const metrics = gpus.flatMap((gpu) => {
    const holders = gpu.leases.length === 0 ? [null] : gpu.leases.map(({ worker }) => worker);
    return holders.map((worker) => ({
      worker_id: worker,
      gpu_id: gpu.index,
      time,
      gpu_utilization: gpu.utilizationPercent,
      vram_used_mb: Math.round(gpu.memory.usedBytes / MIB),
      vram_total_mb: Math.round(gpu.memory.totalBytes / MIB),
      temperature_c: gpu.temperatureCelsius,
      power_draw_w: gpu.powerWatts,
    }));
  });
  answerJson(response, 200, { metrics }, ADMIN_HEADERS);
}
