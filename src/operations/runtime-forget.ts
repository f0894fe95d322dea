import { z } from "zod";
import { viewLanes } from "./learned-view.ts";
import { operation } from "./operation.ts";

export const runtimeForget = operation({
  route: "POST /runtimes/:runtime/forget",
  summary: "Forget what was measured of a runtime: times and memory are learned anew",
  who: "admins",
  input: z.object({ runtime: z.string() }).strict(),
  output: z.object({ runtime: z.string(), lanes: z.array(z.string()) }),
  async run(ctx, { runtime }) {
    const lanes = viewLanes(ctx.state(), runtime, ctx.clock.nowMs()).map((view) => view.lane);
    // What was learned outlives the runtime's file, so only a runtime that nobody ever met is unknown.
    if (lanes.length === 0) ctx.runtimes.get(runtime);
    await ctx.ask({ type: "forget-learned", runtime });
    return { runtime, lanes };
  },
});
