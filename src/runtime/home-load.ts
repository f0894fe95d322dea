import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import { type Lane, laneOf } from "./lane.ts";
import { checkLoadParams } from "./load-params.ts";
import type { Runtime } from "./runtime.ts";

/**
 * The load params of the workers that a runtime keeps (`replicas.min`): all at their defaults, since one worker of every
 * model that was ever asked for would be too many. Null when it keeps none, or a load param has to be given.
 */
export function homeLoad(runtime: Runtime): Record<string, Json> | null {
  if (runtime.replicas.min === 0 || runtime.protocol === "exec") return null;
  try {
    return checkLoadParams(runtime, {});
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

/** Whether the lane is the one whose workers the runtime keeps. */
export function isHomeLane(runtime: Runtime, lane: Pick<Lane, "key">): boolean {
  const load = homeLoad(runtime);
  return load !== null && laneOf(runtime, load).key === lane.key;
}
