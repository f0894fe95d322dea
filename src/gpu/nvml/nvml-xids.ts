import type { NvmlCalls, NvmlHandle } from "./nvml-calls.ts";

/**
 * Xids that programs cause by their own mistakes, and that leave the GPU in order: graphics engine exception, page fault,
 * stopped processing, preemptive cleanup, video processor exception, context switch timeout (NVIDIA, "XID Errors").
 */
const CAUSED_BY_PROGRAMS: ReadonlySet<number> = new Set([13, 31, 43, 45, 68, 109]);

/** More events than this in a second say no more than the first. */
const MOST_EVENTS = 64;

/** Hears of errors that the driver reports of its GPUs. */
export interface XidWatch {
  /** Has the errors of a GPU told from now on; a second call does nothing. */
  add(device: NvmlHandle): Promise<void>;
  /** The first grave Xid of each GPU since the last look. A driver that does not tell reports none. */
  look(): Promise<ReadonlyMap<NvmlHandle, number>>;
}

/** Watches no GPU yet. NVML forgets what happened before a GPU was added. */
export function createXidWatch(nvml: NvmlCalls): XidWatch {
  const watched = new Set<NvmlHandle>();
  let events: Promise<bigint | null> | null = null;
  const eventSet = (): Promise<bigint | null> => {
    events ??= nvml.createEventSet().catch(() => null);
    return events;
  };
  return {
    async add(device) {
      if (watched.has(device)) return;
      watched.add(device);
      const set = await eventSet();
      if (set !== null) await nvml.registerXids(device, set).catch(() => undefined);
    },
    async look() {
      const found = new Map<NvmlHandle, number>();
      const set = await eventSet();
      for (let count = 0; set !== null && count < MOST_EVENTS; count++) {
        const event = await nvml.nextXid(set).catch(() => null);
        if (event === null) break;
        const { device, xid } = event;
        if (!CAUSED_BY_PROGRAMS.has(xid) && !found.has(device)) found.set(device, xid);
      }
      return found;
    },
  };
}
