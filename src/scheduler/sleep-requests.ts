import { formatBytes } from "../std/bytes.ts";
import type { Reply, Request } from "./events.ts";
import { isServing, isSleeper } from "./lane-workers.ts";
import type { Worker } from "./model.ts";
import { refuse } from "./refusals.ts";
import { hasRam, isWakeable, sleepRamBytes, whyNoSleep } from "./sleep.ts";
import { log, type Transition } from "./transition.ts";
import { retire } from "./worker-transitions.ts";

type RequestOf<T extends Request["type"]> = Extract<Request, { type: T }>;

/** Puts a worker to sleep once its jobs are done. It is no longer pinned then. */
export function sleepWorker(tx: Transition, { workerId }: RequestOf<"sleep-worker">): Reply {
  const worker = tx.state.workers.get(workerId);
  if (!worker) return unknown(workerId);
  const { phase, lane } = worker;
  if (isSleeper(worker) || (phase.state === "draining" && phase.sleeps === true))
    return { ok: true, ids: [workerId] };
  if (phase.state !== "ready")
    return refuse("worker/state", `${worker.name} is ${phase.state}`, "orch workers ls");
  const why = whyNoSleep(lane, tx.nowMs);
  if (why !== null) {
    const hint =
      lane.spec.sleep === null
        ? `declare sleep in the runtime.yaml of ${lane.spec.runtime}, or: orch workers stop ${worker.name}`
        : `orch runtimes forget ${lane.spec.runtime}, or: orch workers stop ${worker.name}`;
    return refuse("worker/state", `${worker.name} cannot be put to sleep: ${why}`, hint);
  }
  if (!hasRam(tx.state, worker)) {
    const text = `asleep ${worker.name} takes ${formatBytes(sleepRamBytes(worker))} of memory, and there is less`;
    return refuse("worker/state", text, `orch workers stop ${worker.name}`);
  }
  worker.pinned = false;
  tx.changes.workers.add(worker);
  retire(tx, worker, "asked");
  return { ok: true, ids: [workerId] };
}

/** Wakes a worker as soon as there is room, as if a person had asked for one of its lane where it sleeps. */
export function wakeWorker(tx: Transition, { workerId }: RequestOf<"wake-worker">): Reply {
  const { state } = tx;
  const worker = state.workers.get(workerId);
  if (!worker) return unknown(workerId);
  if (isServing(worker)) return { ok: true, ids: [workerId] };
  if (state.stopping)
    return refuse("daemon/stopping", "the daemon is stopping and wakes no workers", "orch up");
  if (!isSleeper(worker) || !isWakeable(worker)) return refuseWaking(worker);
  const { lane } = worker;
  lane.summons = { gpu: worker.leases[0]?.gpu.uuid ?? null, evict: false };
  lane.retryAtMs = 0;
  state.waiting.add(lane);
  tx.needsPlan = true;
  log(tx, "worker-summoned", `${worker.name} is to be woken`, { worker });
  return { ok: true, ids: [workerId] };
}

function refuseWaking({ name, phase, lane }: Worker): Reply {
  const text = phase.state === "asleep" ? "was declared anew since it fell asleep" : `is ${phase.state}`;
  return refuse(
    "worker/state",
    `${name} ${text}, so it cannot be woken`,
    `orch workers start ${lane.spec.runtime}`,
  );
}

function unknown(workerId: number): Reply {
  return refuse("worker/unknown", `there is no worker ${workerId}`, "orch workers ls");
}
