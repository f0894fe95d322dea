import { z } from "zod";
import type { Json } from "../std/json.ts";

/** Any JSON value; zod's own type for it is mutable, ours is not. */
export const JsonValue = z.json() as unknown as z.ZodType<Json, Json>;
