import { neededBytes } from "../scheduler/capacity.ts";
import type { Report } from "../scheduler/events.ts";
import type { State, Worker } from "../scheduler/model.ts";
import type { Rng } from "../std/rng.ts";
import type { Agenda } from "./agenda.ts";
import type { VirtualHost } from "./virtual-host.ts";

/** What one life of the daemon works with. */
export interface PerformerParts {
  readonly agenda: Agenda;
  readonly rng: Rng;
  readonly host: VirtualHost;
  /** As it is now: after a failed commit it is another one. */
  readonly state: () => State;
  readonly report: (report: Report) => void;
}

/** What is being done about a worker that has no program yet. */
export interface Preparation {
  readonly workerId: number;
  /** Starts are given up when the memory is not free by then. */
  readonly giveUpAtMs: number;
  aborted: boolean;
}

export interface Context extends PerformerParts {
  readonly preparations: Map<number, Preparation>;
  readonly attached: Set<number>;
  readonly runs: Set<string>;
  /** The last news of each worker's sleeps, and of its wakings. */
  readonly moves: Record<"sleep" | "wake", Map<number, Report>>;
  /** Like the agenda's, but only while this daemon lives. */
  readonly later: (inMs: number, act: () => void) => void;
  isAlive: boolean;
}

export const MEMORY_POLL_MS = 200;
export const MEMORY_TIMEOUT_MS = 6_000;

/** What a worker that is to wake holds in its sleep is part of what it needs. */
export function hasMemory(context: PerformerParts, worker: Worker): boolean {
  if (context.host.driverHangs) return false;
  const own = context.host.programs.get(worker.id)?.claims ?? [];
  return worker.leases.every((lease) => {
    const gpu = context.host.gpus.get(lease.gpu.uuid);
    if (gpu === undefined || !gpu.healthy) return false;
    const heldBytes = own.find((claim) => claim.gpu === gpu)?.vramBytes ?? 0;
    const isWhole = lease.mode === "exclusive" && worker.lane.spec.vramBytes === null;
    const needed = isWhole ? neededBytes(context.state().policy, worker.lane, lease.gpu) : lease.vramBytes;
    return context.host.freeBytes(gpu) + heldBytes >= needed;
  });
}
