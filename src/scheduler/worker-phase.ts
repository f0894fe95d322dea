/** How workers of a lane give their VRAM back without ending. */
export interface SleepSpec {
  /**
   * 1 = the weights go to the host's memory, 2 = they are discarded and read again: the program does it. `freeze` = the
   * driver moves all it has on the GPU to the host's memory.
   */
  readonly level: 1 | 2 | "freeze";
  /** Expected to stay on each GPU until it is measured. */
  readonly residueBytes: number;
  /** What one that sleeps takes of the host besides `LaneSpec.ramBytes`; null = as much as it held of its GPUs, nothing with level 2. */
  readonly ramBytes: number | null;
  /** How long falling asleep may take, and waking. */
  readonly timeoutMs: number;
}

/** What is being done to start a worker. */
export type StartStep = "vram" | "environment" | "spawn" | "load";

/** Where a worker stands; each state carries its own data. */
export type WorkerPhase =
  | { readonly state: "starting"; readonly step: StartStep; readonly sinceMs: number }
  | { readonly state: "ready"; readonly sinceMs: number; readonly idleSinceMs: number }
  /** `sleeps`: afterwards it falls asleep, if it still may. */
  | {
      readonly state: "draining";
      readonly sinceMs: number;
      readonly reason: StopReason;
      readonly sleeps?: boolean;
    }
  /** Sleeping: `ramBytes` are those of the host that it takes for that; it wakes as it fell asleep (`level`). */
  | {
      readonly state: "falling-asleep";
      readonly sinceMs: number;
      readonly reason: StopReason;
      readonly idleSinceMs: number;
      readonly ramBytes: number;
      readonly level: SleepSpec["level"];
    }
  | {
      readonly state: "asleep";
      readonly sinceMs: number;
      readonly idleSinceMs: number;
      readonly ramBytes: number;
      readonly level: SleepSpec["level"];
    }
  | {
      readonly state: "waking";
      readonly sinceMs: number;
      readonly ramBytes: number;
      readonly level: SleepSpec["level"];
    }
  | {
      readonly state: "stopping";
      readonly sinceMs: number;
      readonly reason: StopReason;
      /** Of one that slept: what it holds until it is gone. */
      readonly ramBytes?: number;
    };

/** Why a worker ends or falls asleep. */
export type StopReason =
  | "evicted"
  | "idle"
  | "asked"
  | "switched"
  | "job-ended"
  | "job-stuck"
  | "unresponsive"
  | "shutdown"
  | "preempted"
  | "out-of-memory"
  | "start-failed"
  | "sleep-failed"
  | "ram-needed"
  | "gpu-lost";
