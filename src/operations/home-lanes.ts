import type { FoundRuntime } from "../runtime/discover.ts";
import { homeLoad } from "../runtime/home-load.ts";
import type { LaneSpec } from "../scheduler/model.ts";
import { Failure } from "../std/failure.ts";
import { laneSpecOf } from "./new-job.ts";

/** The lanes whose workers this host keeps, by its runtimes; broken ones keep none. */
export function homeLanes(found: readonly FoundRuntime[]): LaneSpec[] {
  return found.flatMap((each) => {
    if (!("runtime" in each)) return [];
    const load = homeLoad(each.runtime);
    return load === null ? [] : laneUnlessGone(each.runtime, load);
  });
}

function laneUnlessGone(...[runtime, load]: Parameters<typeof laneSpecOf>): LaneSpec[] {
  try {
    return [laneSpecOf(runtime, load)];
  } catch (error) {
    // A load file that has just gone: the next look finds out what is there then.
    if (error instanceof Failure) return [];
    throw error;
  }
}
