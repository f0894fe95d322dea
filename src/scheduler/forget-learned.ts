import type { Reply, Request } from "./events.ts";
import { noRuns, nothingLearned } from "./learned.ts";
import { log, type Transition } from "./transition.ts";

/** Forgets what was measured of a runtime: its model or the hardware changed. Its declaration counts again. */
export function forgetLearned(
  tx: Transition,
  { runtime }: Extract<Request, { type: "forget-learned" }>,
): Reply {
  for (const lane of tx.state.lanes.values()) {
    if (lane.spec.runtime !== runtime) continue;
    lane.learned = nothingLearned;
    lane.prior = nothingLearned;
    tx.changes.lanes.add(lane);
  }
  for (const group of tx.state.runGroups.values()) {
    if (!group.key.startsWith(`${runtime}?`)) continue;
    group.run = noRuns;
    tx.changes.runGroups.add(group);
  }
  tx.needsPlan = true;
  log(tx, "runtime-forgotten", `what was measured of ${runtime} is forgotten`);
  return { ok: true, ids: [] };
}
