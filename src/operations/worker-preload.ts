import { z } from "zod";
import { Params } from "../protocol/inputs.ts";
import { WorkerView } from "../protocol/views.ts";
import { HINT_LIFE_MS } from "../scheduler/preload.ts";
import { toTimestamp } from "./job-view.ts";
import { operation } from "./operation.ts";
import { loadLane } from "./summon.ts";
import { viewWorkerById } from "./worker-view.ts";

export const workerPreload = operation({
  route: "POST /workers/preload",
  summary: "Say that a runtime will be wanted soon: it is loaded once nobody waits for a GPU",
  who: "admins",
  input: z.object({ runtime: z.string(), params: Params.default({}) }).strict(),
  output: z.object({
    lane: z.string(),
    worker: WorkerView.nullable().describe("the one that runs already or was just started"),
    until: z.iso.datetime().nullable().describe("when the hint is forgotten; null = it is used up"),
  }),
  async run(ctx, input) {
    const lane = loadLane(ctx, input);
    const [running] = await ctx.ask({ type: "preload", lane });
    const live = ctx.state().lanes.get(lane.key);
    const id = running ?? [...(live?.workers ?? [])].find((worker) => worker.phase.state === "starting")?.id;
    const hasWorker = id !== undefined;
    return {
      lane: lane.title,
      worker: hasWorker ? viewWorkerById(ctx, id) : null,
      until: hasWorker ? null : toTimestamp(ctx.clock.nowMs() + HINT_LIFE_MS),
    };
  },
});
