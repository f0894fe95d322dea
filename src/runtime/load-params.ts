import type { Json } from "../std/json.ts";
import { checkParams } from "./check-params.ts";
import type { Runtime } from "./runtime.ts";

/**
 * The load params of a runtime, checked, with their defaults: what decides which worker serves.
 * @param given other params are not looked at
 * @throws Failure as `checkParams`
 */
export function checkLoadParams(
  runtime: Runtime,
  given: Readonly<Record<string, Json>>,
): Record<string, Json> {
  const params = Object.fromEntries(Object.entries(runtime.params).filter(([, param]) => param.load));
  const asked = Object.fromEntries(Object.entries(given).filter(([name]) => Object.hasOwn(params, name)));
  return checkParams({ ...runtime, params }, asked);
}
