import type { Reply, Request } from "./events.ts";
import { forgetFailures } from "./start-failures.ts";
import { log, type Transition } from "./transition.ts";

/** Forgets the failed starts of a runtime: its owner has mended it, and waits for nothing. */
export function resetRuntime(
  tx: Transition,
  { runtime }: Extract<Request, { type: "reset-runtime" }>,
): Reply {
  for (const lane of tx.state.lanes.values()) if (lane.spec.runtime === runtime) forgetFailures(tx, lane);
  log(tx, "runtime-reset", `failed starts of ${runtime} are forgotten; it is tried at once`);
  return { ok: true, ids: [] };
}
