import type { Json } from "../std/json.ts";
import type { Runtime } from "./runtime.ts";

/** Numbers within a factor of √2 of each other are one group: finer ones would each have seen too few runs. */
const STEPS_PER_DOUBLING = 2;

/**
 * Names the group of jobs that are expected to run equally long: the runtime with the values of its `estimateBy`
 * params, numbers rounded on a logarithmic scale. Null when the runtime names none: all of a lane run equally long.
 */
export function estimateKeyOf(
  { name, estimateBy }: Pick<Runtime, "name" | "estimateBy">,
  params: Readonly<Record<string, Json>>,
): string | null {
  if (estimateBy.length === 0) return null;
  const groups = estimateBy.map((param) => `${param}=${groupOf(params[param])}`);
  return `${name}?${groups.join("&")}`;
}

function groupOf(value: Json | undefined): string {
  if (typeof value !== "number") return value === undefined || value === null ? "" : String(value);
  if (value === 0) return "0";
  const step = Math.round(Math.log2(Math.abs(value)) * STEPS_PER_DOUBLING);
  return `${value < 0 ? "-" : ""}~${Number((2 ** (step / STEPS_PER_DOUBLING)).toPrecision(3))}`;
}
