import { z } from "zod";
import { operation } from "./operation.ts";

export const shutdown = operation({
  route: "POST /shutdown",
  summary: "Stop the daemon: leave running jobs, drain them, or kill them",
  who: "admins",
  input: z.object({ mode: z.enum(["leave", "drain", "kill"]).default("leave") }).strict(),
  output: z.object({ pid: z.number().int() }),
  async run(ctx, input) {
    await ctx.shutDown(input.mode);
    return { pid: ctx.host.pid };
  },
});
