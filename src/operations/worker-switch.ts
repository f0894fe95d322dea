import { z } from "zod";
import { Params } from "../protocol/inputs.ts";
import { WorkerView } from "../protocol/views.ts";
import { operation } from "./operation.ts";
import { summonWorker } from "./summon.ts";

export const workerSwitch = operation({
  route: "POST /workers/switch",
  summary: "Make a runtime resident now: others finish what they have in hand and make room",
  who: "admins",
  input: z
    .object({
      runtime: z.string(),
      params: Params.default({}),
      gpu: z.string().optional().describe("index or UUID"),
    })
    .strict(),
  output: WorkerView,
  run: (ctx, { gpu, ...input }, _caller, signal) =>
    summonWorker(ctx, { ...input, gpu: gpu ?? null, evict: true }, signal),
});
