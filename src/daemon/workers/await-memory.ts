import type { MemoryWait } from "../../gpu/memory-wait.ts";
import { neededBytes, residueBytesOf } from "../../scheduler/capacity.ts";
import type { Lease, Worker } from "../../scheduler/model.ts";
import type { World } from "../world.ts";

/** Memory that an exited worker held is back within seconds; longer means that somebody else has it. */
const MEMORY_DEADLINE_MS = 60_000;
/** While workers that were granted before are still loading, what they have taken so far is looked at this often. */
const LOOK_AGAIN_MS = 250;

/**
 * Waits until the driver reports the memory of a worker's leases free. What workers that share a GPU were promised
 * before and may not have taken yet counts as taken: two that load at once must not both count the same free bytes.
 */
export async function awaitMemory(world: World, worker: Worker, signal: AbortSignal): Promise<MemoryWait> {
  const startMs = world.clock.monotonicMs();
  for (;;) {
    // Looked up anew each time: after a commit that failed the state is another one, and the old one stands still.
    const { leases } = world.state().workers.get(worker.id) ?? worker;
    const needs = new Map(leases.map((lease) => [lease.gpu.uuid, bytesAhead(world, lease)]));
    const mayLoad = leases.some((lease) => loadingBefore(lease).length > 0);
    const deadlineMs = mayLoad ? LOOK_AGAIN_MS : MEMORY_DEADLINE_MS;
    const wait = await world.sampler.waitForFree(needs, { deadlineMs, signal });
    if (wait.kind !== "short" || !mayLoad) return { ...wait, waitedMs: world.clock.monotonicMs() - startMs };
  }
}

/** What has to be free for this lease and for those that are being filled before it. Bytes. */
function bytesAhead(world: World, lease: Lease): number {
  const { policy } = world.state();
  const own = neededBytes(policy, lease.worker.lane, lease.gpu) - heldAsleep(world, lease);
  return loadingBefore(lease).reduce((sum, earlier) => sum + earlier.vramBytes, own);
}

/** What a worker that is to wake holds already. Bytes. */
function heldAsleep(world: World, { worker, gpu }: Lease): number {
  if (worker.phase.state !== "waking") return 0;
  const measuredBytes = world.sampler.latest().workerBytes.get(worker.id)?.get(gpu.uuid);
  return measuredBytes ?? residueBytesOf(worker.lane);
}

function isLoading({ phase }: Worker): boolean {
  return phase.state === "starting" || phase.state === "waking";
}

function loadingBefore(lease: Lease): Lease[] {
  return [...lease.gpu.leases].filter((other) => other.fence < lease.fence && isLoading(other.worker));
}
