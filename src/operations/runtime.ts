import { z } from "zod";
import { RuntimeView } from "../protocol/views.ts";
import { operation } from "./operation.ts";
import { viewRuntime } from "./runtime-view.ts";

export const runtime = operation({
  route: "GET /runtimes/:runtime",
  summary: "One runtime with its params",
  input: z.object({ runtime: z.string() }).strict(),
  output: RuntimeView,
  run: async (ctx, input) => viewRuntime(ctx.runtimes.get(input.runtime)),
});
