import { z } from "zod";
import { operation } from "./operation.ts";

export const webhookSecret = operation({
  route: "GET /webhooks/default/secret",
  summary: "The secret with which the webhooks of the caller's jobs are signed",
  who: "all",
  input: z.strictObject({}),
  output: z.object({ key: z.string().describe("whsec_ and base64, as Standard Webhooks has it") }),
  run: async (ctx, _input, caller) => ({ key: ctx.webhooks.secretOf(caller.uid) }),
});
