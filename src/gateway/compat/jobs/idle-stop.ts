import type { GatewayPort } from "../../port.ts";
import type { JobsDesk } from "./desk.ts";
import { runtimesNow } from "./desk.ts";
import { appWorkers } from "./worker-pages.ts";

const LOOK_MS = 1_000;

/**
 * Stops workers of apps that have been idle for as long as the files say, counted from the end of their last job. A worker that
 * is pinned stays; its runtime's own keepAlive holds as well, if that is shorter.
 */
export function stopIdleWorkers(desk: JobsDesk): void {
  /** Since when a worker was seen without a job, on the steady clock. */
  const idleSince = new Map<number, number>();
  let isLooking = false;
  const timer = setInterval(() => {
    const { idleMs } = desk.registry();
    if (idleMs === null || isLooking) return;
    isLooking = true;
    look(desk, idleSince, idleMs)
      .catch((error: unknown) => desk.port.log.warn({ err: error }, "idle workers could not be looked for"))
      .finally(() => {
        isLooking = false;
      });
  }, LOOK_MS);
  timer.unref();
}

async function look(desk: JobsDesk, idleSince: Map<number, number>, idleMs: number): Promise<void> {
  const { port } = desk;
  if (!port.isReady()) return;
  const caller = { ...(await port.admit(port.owner)), isAdmin: true };
  const found = await appWorkers(desk, caller, await runtimesNow(desk, caller));
  const idle = found.filter(
    ({ worker }) => worker.state === "ready" && worker.jobs.length === 0 && !worker.pinned,
  );
  const ids = new Set(idle.map(({ worker }) => worker.id));
  for (const id of idleSince.keys()) if (!ids.has(id)) idleSince.delete(id);
  for (const { worker } of idle) {
    const sinceMs = idleSince.get(worker.id) ?? startOf(port, worker.since);
    idleSince.set(worker.id, sinceMs);
    if (port.clock.monotonicMs() - sinceMs < idleMs) continue;
    idleSince.delete(worker.id);
    await port.call("POST /workers/:worker/stop", { worker: worker.name }, caller);
  }
}

/** A worker that is seen for the first time has just ended a job, or become ready. */
function startOf({ clock }: GatewayPort, readySince: string): number {
  const ageMs = Math.max(0, clock.nowMs() - Date.parse(readySince));
  return clock.monotonicMs() - Math.min(ageMs, LOOK_MS);
}
