import { z } from "zod";
import { RuntimeView } from "../protocol/views.ts";
import { operation } from "./operation.ts";
import { viewFoundRuntime } from "./runtime-view.ts";

export const runtimes = operation({
  route: "GET /runtimes",
  summary: "All runtimes, broken ones with their problem",
  who: "all",
  input: z.object({}).strict(),
  output: z.object({ runtimes: z.array(RuntimeView) }),
  run: async (ctx) => ({ runtimes: ctx.runtimes.list().map((found) => viewFoundRuntime(ctx, found)) }),
});
