import type { GpuVendor } from "../scheduler/model.ts";

/** One process that holds memory on a GPU, as the driver reports it. */
export interface ListedProcess {
  readonly pid: number;
  /** Null where the driver does not tell (WSL, some containers). */
  readonly vramBytes: number | null;
}

/** A listed process with what /proc tells of it; see `createProcessNamer`. */
export interface GpuProcess extends ListedProcess {
  /** Program name, at most 15 characters (comm of proc(5)). */
  readonly name: string | null;
  /** The real user id. */
  readonly uid: number | null;
  /** The account of that id; null where no directory of users knows it. */
  readonly user: string | null;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number | null;
  /**
   * Why nothing is known of it: "hidden" = another user's, and /proc is mounted with hidepid; "elsewhere" = this
   * host's process table has no such process (it ended, or it lives in another pid namespace).
   */
  readonly unknown: "hidden" | "elsewhere" | null;
}

/** How a GPU is connected. It does not change while the host runs. */
export interface GpuTopology {
  /** The NUMA node that it hangs on; null where the host has one only or does not tell. */
  readonly numaNode: number | null;
  /** UUIDs of the GPUs that it reaches over NVLink or XGMI, directly or through a switch. Empty also where nobody tells. */
  readonly nvlinkPeers: readonly string[];
}

/** Why a GPU cannot be used. `fault`: the driver says that this does not pass by itself. */
export interface GpuTrouble {
  readonly ok: false;
  readonly detail: string;
  readonly fault?: "lost" | "reset-required" | "xid" | undefined;
}

/** What a probe sees of one GPU at one moment. Fields a driver cannot tell are null, never made up. */
export interface GpuReading extends GpuTopology {
  /** The key of a GPU everywhere in orch: "GPU-…" as the driver spells it. Indices change over reboots. */
  readonly uuid: string;
  readonly index: number;
  readonly name: string;
  /** Left out for GPUs that nobody made. */
  readonly vendor?: GpuVendor | undefined;
  /** The UUID of the board that it is an instance of (MIG). Left out for a board. */
  readonly parent?: string | undefined;
  /** Of an instance: its board's index and its own number there, as NVIDIA's tools have them, "0.7". */
  readonly instance?: string | undefined;
  /** What the variable that shows GPUs to programs takes for it, where that is not the UUID. May change over reboots. */
  readonly visibleAs?: string | undefined;
  /** The device node that containers are given, where its vendor has one for each GPU. */
  readonly node?: string | undefined;
  /**
   * `totalBytes` is what the board has. What is neither used nor free the driver keeps for itself (some hundred
   * MiB), so a program can have at most usedBytes + freeBytes. An unhealthy GPU has nothing used and nothing free.
   */
  readonly memory: { readonly totalBytes: number; readonly usedBytes: number; readonly freeBytes: number };
  readonly utilizationPercent: number | null;
  readonly temperatureCelsius: number | null;
  readonly powerWatts: number | null;
  /** "ok", or why the driver refuses this GPU alone ("GPU is lost"). The other GPUs go on. */
  readonly health: { readonly ok: true } | GpuTrouble;
}

/**
 * A way to see GPUs. Every call ends within `deadlineMs`: a hung driver costs a Failure `gpu/unavailable`, never
 * a hung daemon.
 */
export interface GpuProbe {
  readonly kind: "nvml" | "nvidia-smi" | "amd" | "virtual" | "none";
  /** All GPUs with their memory and sensors. Cheap (tens of microseconds a GPU with NVML). */
  read(deadlineMs: number): Promise<readonly GpuReading[]>;
  /**
   * Processes by GPU uuid. Slow on real drivers (milliseconds), so it is asked seldom: see `ProcessLists`. A GPU
   * whose processes the driver does not tell has no entry; an empty entry means that nothing runs there.
   */
  processes(deadlineMs: number): Promise<ReadonlyMap<string, readonly GpuProcess[]>>;
  close(): Promise<void>;
}

/** What is known where nobody tells how GPUs are connected. */
export const unknownTopology: GpuTopology = { numaNode: null, nvlinkPeers: [] };
