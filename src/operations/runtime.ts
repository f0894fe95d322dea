import { z } from "zod";
import { RuntimeDetail } from "../protocol/learned-view.ts";
import { viewLanes, viewRunGroups } from "./learned-view.ts";
import { operation } from "./operation.ts";
import { viewRuntime } from "./runtime-view.ts";

export const runtime = operation({
  route: "GET /runtimes/:runtime",
  summary: "One runtime with its params, and what was learned of it",
  who: "all",
  input: z.object({ runtime: z.string() }).strict(),
  output: RuntimeDetail,
  async run(ctx, input) {
    const found = ctx.runtimes.get(input.runtime);
    const state = ctx.state();
    return {
      ...viewRuntime(ctx, found),
      lanes: viewLanes(state, found.name, ctx.clock.nowMs()),
      groups: viewRunGroups(state, found.name),
    };
  },
});
