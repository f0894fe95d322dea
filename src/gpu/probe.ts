/** One process that holds memory on a GPU, as the driver reports it. */
export interface GpuProcess {
  readonly pid: number;
  /** Null where the driver does not tell (WSL, some containers). */
  readonly vramBytes: number | null;
  /** Program name and owner, where /proc tells; null otherwise. */
  readonly name: string | null;
  readonly uid: number | null;
}

/** What a probe sees of one GPU at one moment. Fields a driver cannot tell are null, never made up. */
export interface GpuReading {
  /** The key of a GPU everywhere in orch: "GPU-…" as the driver spells it. Indices change over reboots. */
  readonly uuid: string;
  readonly index: number;
  readonly name: string;
  /**
   * `totalBytes` is what the board has. What is neither used nor free the driver keeps for itself (some hundred
   * MiB), so a program can have at most usedBytes + freeBytes. An unhealthy GPU has nothing used and nothing free.
   */
  readonly memory: { readonly totalBytes: number; readonly usedBytes: number; readonly freeBytes: number };
  readonly utilizationPercent: number | null;
  readonly temperatureCelsius: number | null;
  readonly powerWatts: number | null;
  /** "ok", or why the driver refuses this GPU alone ("GPU is lost"). The other GPUs go on. */
  readonly health: { readonly ok: true } | { readonly ok: false; readonly detail: string };
}

/**
 * A way to see GPUs. Every call ends within `deadlineMs`: a hung driver costs a Failure `gpu/unavailable`, never
 * a hung daemon.
 */
export interface GpuProbe {
  readonly kind: "nvml" | "nvidia-smi" | "virtual" | "none";
  /** All GPUs with their memory and sensors. Cheap (tens of microseconds a GPU with NVML). */
  read(deadlineMs: number): Promise<readonly GpuReading[]>;
  /**
   * Processes by GPU uuid. Slow on real drivers (milliseconds): asked at admission and release only. A GPU whose
   * processes the driver does not tell has no entry; an empty entry means that nothing runs there.
   */
  processes(deadlineMs: number): Promise<ReadonlyMap<string, readonly GpuProcess[]>>;
  close(): Promise<void>;
}
