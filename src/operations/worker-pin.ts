import { z } from "zod";
import { WorkerView } from "../protocol/views.ts";
import { operation } from "./operation.ts";
import { findWorkerId, viewWorkerById } from "./worker-view.ts";

export const workerPin = operation({
  route: "POST /workers/:worker/pin",
  summary: "Keep a worker on its GPU whatever else waits, or no longer",
  who: "admins",
  input: z.object({ worker: z.string(), pinned: z.boolean() }).strict(),
  output: WorkerView,
  async run(ctx, input) {
    const workerId = findWorkerId(ctx, input.worker);
    await ctx.ask({ type: "pin-worker", workerId, pinned: input.pinned });
    return viewWorkerById(ctx, workerId);
  },
});
