import { z } from "zod";
import { JsonValue } from "../protocol/json-value.ts";
import { describeApi } from "../protocol/openapi.ts";
import type { Operation } from "../protocol/operation.ts";
import type { Context } from "./context.ts";
import { operation } from "./operation.ts";

/** Describes the others, so it is made from their list. */
export function openapiOf(operations: readonly Operation<Context, `GET /${string}`, z.ZodType, z.ZodType>[]) {
  return operation({
    route: "GET /openapi.json",
    summary: "This API as an OpenAPI 3.1 document",
    who: "all",
    input: z.object({}).strict(),
    output: z.record(z.string(), JsonValue),
    run: async (ctx) => describeApi(operations, ctx.host.version),
  });
}
