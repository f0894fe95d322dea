import { z } from "zod";
import type { Json } from "../std/json.ts";

/** Any JSON value. Its id gives it a name of its own in the OpenAPI document, since it contains itself. */
export const JsonValue: z.ZodType<Json, Json> = z
  .lazy(() =>
    z.union([
      z.string(),
      z.number(),
      z.boolean(),
      z.null(),
      z.array(JsonValue),
      z.record(z.string(), JsonValue),
    ]),
  )
  .meta({ id: "Json" });
