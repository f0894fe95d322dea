import type { Reply, Request } from "./events.ts";
import { refuse } from "./refusals.ts";
import { log, type Transition } from "./transition.ts";

/**
 * Notes who runs what beside a worker. It belongs to the job of a worker that serves only that one, so that its owner
 * reads of it.
 */
export function exec(tx: Transition, request: Extract<Request, { type: "exec" }>): Reply {
  const { workerId, user, program } = request;
  const worker = tx.state.workers.get(workerId);
  if (!worker) return refuse("worker/unknown", `there is no worker ${workerId}`, "orch workers ls");
  const [job] = worker.lane.spec.residency === "one-shot" ? worker.jobs : [];
  log(tx, "worker-exec", `${user} runs ${program} beside ${worker.name}`, {
    worker,
    ...(job === undefined ? {} : { job }),
  });
  return { ok: true, ids: [workerId] };
}
