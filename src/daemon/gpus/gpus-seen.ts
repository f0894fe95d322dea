import type { GpuReading } from "../../gpu/probe.ts";
import type { GpuSample } from "../../gpu/sample.ts";
import type { GpuFault, Report } from "../../scheduler/events.ts";

/** What the scheduler is told of a sample. */
export function gpusSeen(sample: GpuSample): Report {
  return {
    type: "gpus-seen",
    gpus: sample.gpus.map(({ reading, foreignBytes }) => ({
      uuid: reading.uuid,
      index: reading.index,
      totalBytes: reading.memory.totalBytes,
      foreignBytes,
      healthy: reading.health.ok,
      fault: faultOf(reading),
      numaNode: reading.numaNode,
      nvlinkPeers: reading.nvlinkPeers,
      vendor: reading.vendor ?? null,
      parent: reading.parent ?? null,
    })),
    workers: [...sample.workerBytes].map(([workerId, byGpu]) => ({
      workerId,
      vramBytes: Math.max(...byGpu.values()),
    })),
  };
}

function faultOf({ health }: GpuReading): GpuFault | null {
  return health.ok || health.fault === undefined ? null : { code: health.fault, text: health.detail };
}
