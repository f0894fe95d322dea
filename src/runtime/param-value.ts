import { z } from "zod";
import type { Json } from "../std/json.ts";

/** It came out of YAML, which knows the same values as JSON. */
const AnyJson = z.unknown().transform((value) => value as Json);

/** The value of a param in a runtime.yaml; whether it fits its param is checked once that is known. */
export const ParamValue = z.union(
  [z.string(), z.number(), z.boolean(), z.array(AnyJson), z.record(z.string(), AnyJson)],
  { error: "must be text, a number, true/false or, for json, a list or a map" },
);
