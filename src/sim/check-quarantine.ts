import type { Event } from "../scheduler/events.ts";
import type { State } from "../scheduler/model.ts";
import type { Step } from "../scheduler/step.ts";
import { assert } from "../std/assert.ts";
import type { Mirror } from "./mirror.ts";

/** GPUs that the world has said need a person. */
export interface SickGpus {
  /** Those that the driver complained of, or on which a program hangs, and that nobody has put back since. */
  readonly sick: Set<string>;
  /** Workers that were said to be gone: later news of them means nothing. */
  readonly exited: Set<number>;
  /** Starts that failed for memory which nobody holds, since somebody put the GPU back. */
  readonly stuckStarts: Map<string, number>;
  /** Those in quarantine after the step before. */
  quarantined: ReadonlySet<string>;
  /** Attempts ("job/attempt") that ended on such a GPU: surely, or in the step in which it went in or came out. */
  readonly sickEnds: Map<string, "surely" | "perhaps">;
}

/** As many failed starts put the blame on the GPU. */
const BLAMED_AFTER = 2;

/** Takes note of what an event says of GPUs. `isGranted`: it was a request, and it was granted. */
export function rememberSickness(
  { sick, stuckStarts, exited }: SickGpus,
  before: Mirror,
  event: Event,
  isGranted: boolean,
): void {
  switch (event.type) {
    case "gpus-seen":
      for (const { uuid, fault = null } of event.gpus) if (fault !== null) sick.add(uuid);
      return;
    case "worker-stuck": {
      const row = before.workers.get(event.workerId);
      if (row?.gone === null && !exited.has(event.workerId))
        for (const { gpu } of row.live.leases) sick.add(gpu);
      return;
    }
    case "worker-exited":
      exited.add(event.workerId);
      return;
    case "worker-start-failed":
      for (const uuid of event.stuckGpus ?? []) stuckStarts.set(uuid, (stuckStarts.get(uuid) ?? 0) + 1);
      return;
    case "clear-gpu":
      if (!isGranted) return;
      sick.delete(event.gpu);
      stuckStarts.delete(event.gpu);
      return;
    default:
      return;
  }
}

/** Takes note of attempts that end on GPUs in quarantine: whatever became of them, it need not be their fault. */
export function rememberSickEnds(memory: SickGpus, before: Mirror, state: State, { changes }: Step): void {
  const now = new Set<string>();
  for (const { uuid, quarantine } of state.gpus.values()) if (quarantine !== null) now.add(uuid);
  for (const { jobId, attempt } of changes.attemptsEnded) {
    const workerId = before.jobs.get(jobId)?.attempts.get(attempt)?.workerId ?? -1;
    const gpus = before.workers.get(workerId)?.live.leases.map(({ gpu }) => gpu) ?? [];
    if (gpus.some((gpu) => now.has(gpu) && memory.quarantined.has(gpu)))
      memory.sickEnds.set(`${jobId}/${attempt}`, "surely");
    else if (gpus.some((gpu) => now.has(gpu) || memory.quarantined.has(gpu)))
      memory.sickEnds.set(`${jobId}/${attempt}`, "perhaps");
  }
  memory.quarantined = now;
}

/**
 * GPUs that need a person are out of use until one has put them back, and no others are.
 * @throws AssertionFailed naming the GPU.
 */
export function checkQuarantine(
  { sick, stuckStarts }: SickGpus,
  state: State,
  events: readonly Event[],
  { changes }: Step,
): void {
  for (const event of events) {
    const hanging = event.type === "worker-stuck" ? state.workers.get(event.workerId) : undefined;
    assert(!hanging?.jobs.size, `jobs wait for ${hanging?.name}, which hangs`);
  }
  for (const { uuid, index, quarantine } of state.gpus.values()) {
    assert(quarantine !== null || !sick.has(uuid), `GPU ${index} is in use though it needs a person`);
    const isBlamed = sick.has(uuid) || (stuckStarts.get(uuid) ?? 0) >= BLAMED_AFTER;
    assert(quarantine === null || isBlamed, `GPU ${index} is in quarantine for nothing`);
  }
  for (const { lease } of changes.leasesGranted)
    assert(lease.gpu.quarantine === null, `GPU ${lease.gpu.index} is granted out of its quarantine`);
}
