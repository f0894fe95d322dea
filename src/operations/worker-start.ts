import { z } from "zod";
import { Params } from "../protocol/inputs.ts";
import { WorkerView } from "../protocol/views.ts";
import { operation } from "./operation.ts";
import { summonWorker } from "./summon.ts";

export const workerStart = operation({
  route: "POST /workers/start",
  summary: "Start a worker of a runtime as soon as there is room, without stopping busy ones",
  who: "admins",
  input: z.object({ runtime: z.string(), params: Params.default({}) }).strict(),
  output: WorkerView,
  run: (ctx, input, _caller, signal) => summonWorker(ctx, { ...input, gpu: null, evict: false }, signal),
});
