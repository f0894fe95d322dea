import { z } from "zod";
import { operation } from "./operation.ts";

/** Grows when a change of the API would break older clients. */
export const API_VERSION = 1;

export const hello = operation({
  route: "GET /hello",
  summary: "Who listens here",
  who: "all",
  input: z.object({}).strict(),
  output: z.object({ pid: z.number().int(), version: z.string(), api: z.number().int() }),
  run: async (ctx) => ({ pid: ctx.host.pid, version: ctx.host.version, api: API_VERSION }),
});
