import { z } from "zod";
import { operation } from "./operation.ts";

export const runtimeReset = operation({
  route: "POST /runtimes/:runtime/reset",
  summary: "Forget a runtime's failed starts and crashes: it is tried again at once",
  who: "admins",
  input: z.object({ runtime: z.string() }).strict(),
  output: z.object({ runtime: z.string() }),
  async run(ctx, { runtime }) {
    const isKnown = [...ctx.state().lanes.values()].some((lane) => lane.spec.runtime === runtime);
    if (!isKnown) ctx.runtimes.get(runtime);
    await ctx.ask({ type: "reset-runtime", runtime });
    return { runtime };
  },
});
