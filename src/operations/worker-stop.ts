import { z } from "zod";
import { Flag } from "../protocol/inputs.ts";
import { WorkerView } from "../protocol/views.ts";
import { operation } from "./operation.ts";
import { findWorkerId, viewWorkerById } from "./worker-view.ts";

export const workerStop = operation({
  route: "POST /workers/:worker/stop",
  summary: "Stop a worker once its jobs are done, or at once with force",
  who: "admins",
  input: z
    .object({ worker: z.string(), force: Flag.default(false).describe("cancel its running jobs") })
    .strict(),
  output: WorkerView,
  async run(ctx, input) {
    const workerId = findWorkerId(ctx, input.worker);
    await ctx.ask({ type: "stop-worker", workerId, force: input.force });
    return viewWorkerById(ctx, workerId);
  },
});
