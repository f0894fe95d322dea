import type { Reply, Request } from "./events.ts";
import type { Lane } from "./model.ts";
import { prepare } from "./preparation.ts";
import { laneFor } from "./state.ts";
import { log, type Transition } from "./transition.ts";

/**
 * Takes in the host's home state: the lanes whose workers are kept or brought back while nobody else needs their room.
 * Lanes that are not among them any more are treated like all others from now on.
 */
export function declareHome(tx: Transition, { lanes }: Extract<Request, { type: "declare-home" }>): Reply {
  const declared = new Set<Lane>();
  const known = tx.changes.lanes.size;
  for (const spec of lanes) {
    const { lane, isNew } = laneFor(tx.state, spec);
    if (isNew) tx.changes.lanes.add(lane);
    declared.add(lane);
    prepare(tx, lane);
  }
  for (const lane of tx.state.lanes.values()) {
    if (lane.spec.minReplicas === 0 || declared.has(lane)) continue;
    laneFor(tx.state, { ...lane.spec, minReplicas: 0 });
    tx.changes.lanes.add(lane);
  }
  tx.needsPlan = true;
  if (tx.changes.lanes.size === known) return { ok: true, ids: [] };
  const titles = lanes.map((spec) => spec.title);
  log(tx, "home-declared", `workers kept while there is room: ${titles.join(", ") || "none"}`);
  return { ok: true, ids: [] };
}
