import { z } from "zod";
import { Flag } from "../protocol/inputs.ts";
import { toTimestamp } from "./job-view.ts";
import { operation } from "./operation.ts";

export const login = operation({
  route: "POST /logins",
  summary: "Make a link that logs the caller in to the dashboard, once",
  who: "all",
  input: z.strictObject({
    bound: Flag.default(true).describe("only a browser of the caller's on this host may follow it"),
  }),
  output: z.object({
    url: z.string().describe("to be kept to oneself: whoever follows it first is logged in"),
    expiresAt: z.iso.datetime(),
  }),
  async run(ctx, { bound }, caller) {
    const { url, expiresAtMs } = await ctx.keys.makeLogin({ caller, isBound: bound, ui: null });
    return { url, expiresAt: toTimestamp(expiresAtMs) };
  },
});
