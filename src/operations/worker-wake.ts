import { z } from "zod";
import { WorkerView } from "../protocol/views.ts";
import { operation } from "./operation.ts";
import { findWorkerId, viewWorkerById } from "./worker-view.ts";

export const workerWake = operation({
  route: "POST /workers/:worker/wake",
  who: "admins",
  summary: "Wake a worker as soon as there is room where it sleeps",
  input: z.object({ worker: z.string() }).strict(),
  output: WorkerView,
  async run(ctx, input) {
    const workerId = findWorkerId(ctx, input.worker);
    await ctx.ask({ type: "wake-worker", workerId });
    return viewWorkerById(ctx, workerId);
  },
});
