import { z } from "zod";
import { RuntimeDetail } from "../protocol/learned-view.ts";
import { viewLanes } from "./learned-view.ts";
import { operation } from "./operation.ts";
import { viewRuntime } from "./runtime-view.ts";

export const runtime = operation({
  route: "GET /runtimes/:runtime",
  summary: "One runtime with its params, and what was learned of it",
  input: z.object({ runtime: z.string() }).strict(),
  output: RuntimeDetail,
  async run(ctx, input) {
    const found = ctx.runtimes.get(input.runtime);
    return { ...viewRuntime(ctx, found), lanes: viewLanes(ctx.state(), found.name) };
  },
});
