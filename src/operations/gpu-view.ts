import type { GpuSample, SampledGpu, SampledProcess } from "../gpu/sample.ts";
import type { GpuView } from "../protocol/views.ts";
import type { Context } from "./context.ts";
import { toTimestamp, toTimestampOrNull } from "./job-view.ts";

/** The GPUs as callers see them: what the driver reports, and what orch has leased. */
export function viewGpus(ctx: Context, sample: GpuSample): GpuView[] {
  return sample.gpus
    .map((sampled) => viewGpu(ctx, sampled, sample))
    .sort((left, right) => left.index - right.index);
}

function viewGpu(ctx: Context, sampled: SampledGpu, sample: GpuSample): GpuView {
  const { reading } = sampled;
  const known = ctx.state().gpus.get(reading.uuid);
  const leases = [...(known?.leases ?? [])];
  const quarantine = known?.quarantine ?? null;
  return {
    index: reading.index,
    uuid: reading.uuid,
    name: reading.name,
    vendor: reading.vendor ?? null,
    parent: reading.parent ?? null,
    healthy: reading.health.ok && quarantine === null,
    detail: reading.health.ok ? (sample.stale?.reason ?? null) : reading.health.detail,
    quarantine: quarantine && {
      code: quarantine.code,
      text: quarantine.text,
      since: toTimestamp(quarantine.sinceMs),
    },
    memory: {
      ...reading.memory,
      reservedBytes: leases.reduce((sum, lease) => sum + lease.vramBytes, 0),
      foreignBytes: sampled.foreignBytes,
    },
    utilizationPercent: reading.utilizationPercent,
    temperatureCelsius: reading.temperatureCelsius,
    powerWatts: reading.powerWatts,
    numaNode: reading.numaNode,
    nvlinkPeers: [...reading.nvlinkPeers],
    leases: leases.map((lease) => ({
      worker: lease.worker.name,
      mode: lease.mode,
      vramBytes: lease.vramBytes,
      usedBytes: sample.workerBytes.get(lease.worker.id)?.get(reading.uuid) ?? null,
      fence: lease.fence,
    })),
    processes: (sampled.processes ?? []).map((process) => viewProcess(ctx, process)),
  };
}

function viewProcess(ctx: Context, process: SampledProcess): GpuView["processes"][number] {
  return {
    pid: process.pid,
    name: process.name,
    user: process.user ?? (process.uid === null ? null : `uid ${process.uid}`),
    startedAt: toTimestampOrNull(process.startedAtMs),
    vramBytes: process.vramBytes,
    worker: process.isHelp ? "orch (MPS)" : ctx.workerOfPid(process.pid),
    unknown: process.unknown,
  };
}
