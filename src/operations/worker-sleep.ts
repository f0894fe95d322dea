import { z } from "zod";
import { WorkerView } from "../protocol/views.ts";
import { operation } from "./operation.ts";
import { findWorkerId, viewWorkerById } from "./worker-view.ts";

export const workerSleep = operation({
  route: "POST /workers/:worker/sleep",
  who: "admins",
  summary: "Put a worker to sleep once its jobs are done: it gives its VRAM back and lives on",
  input: z.object({ worker: z.string() }).strict(),
  output: WorkerView,
  async run(ctx, input) {
    const workerId = findWorkerId(ctx, input.worker);
    await ctx.ask({ type: "sleep-worker", workerId });
    return viewWorkerById(ctx, workerId);
  },
});
