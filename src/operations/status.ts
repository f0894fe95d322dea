import { z } from "zod";
import { jobStates, StatusView } from "../protocol/views.ts";
import type { LogSizes } from "./context.ts";
import { viewGpus } from "./gpu-view.ts";
import { toTimestamp, toTimestampOrNull } from "./job-view.ts";
import { operation } from "./operation.ts";
import { viewWorker } from "./worker-view.ts";

const WORKERS_SHOWN = 1000;

export const status = operation({
  route: "GET /status",
  summary: "The daemon, its GPUs, workers and job counts",
  who: "all",
  input: z.object({}).strict(),
  output: StatusView,
  async run(ctx) {
    const { host } = ctx;
    const counts = ctx.queries.counts();
    return {
      pid: host.pid,
      version: host.version,
      instance: host.instance,
      startedAt: toTimestamp(host.startedAtMs),
      uptimeMs: ctx.clock.nowMs() - host.startedAtMs,
      probe: host.probe,
      ...ctx.health(),
      logs: viewLogs(ctx.logSizes()),
      gpus: viewGpus(ctx, await ctx.gpuSample(false)),
      workers: ctx.queries.workers({ live: true, limit: WORKERS_SHOWN }).map((row) => viewWorker(ctx, row)),
      jobs: Object.fromEntries(jobStates.map((state) => [state, counts[state] ?? 0])) as Record<
        (typeof jobStates)[number],
        number
      >,
      paths: { ...ctx.places.all },
    };
  },
});

function viewLogs({ liveBytes, measured, limitBytes }: LogSizes) {
  return {
    liveBytes,
    totalBytes: measured?.bytes ?? null,
    measuredAt: toTimestampOrNull(measured?.atMs ?? null),
    limitBytes,
  };
}
