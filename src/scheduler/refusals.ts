import { formatBytes } from "../std/bytes.ts";
import { fitsEmpty } from "./capacity.ts";
import type { RefusalCode, Reply } from "./events.ts";
import type { Gpu, LaneSpec, State } from "./model.ts";

/** The answer to a request that changes nothing. */
export function refuse(code: RefusalCode, message: string, hint: string | null = null): Reply {
  return { ok: false, code, message, hint };
}

/**
 * Refuses what no GPU of this host could ever run, with what the host has. Foreign memory does not count: it may go
 * away. The daemon answers only once it has looked for GPUs, so none means none.
 */
export function tooLarge(state: State, spec: LaneSpec): Reply | undefined {
  const refusal = tooLargeForHost(state, spec);
  if (refusal || spec.gpuCount === 0) return refusal;
  const gpus = [...state.gpus.values()];
  if (spec.gpuCount > gpus.length) {
    return refuse(
      "gpu/too-many",
      `${spec.title} needs ${spec.gpuCount} GPU(s); ${inventory(gpus)}`,
      "orch gpus",
    );
  }
  const fitting = gpus.filter((gpu) => fitsEmpty(state.policy, spec, gpu));
  if (fitting.length >= spec.gpuCount) return undefined;
  const needs = formatBytes(spec.vramBytes ?? 0);
  const how = spec.gpuCount === 1 ? `${needs} on one GPU` : `${needs} on each of ${spec.gpuCount} GPUs`;
  return refuse("gpu/too-large", `${spec.title} needs ${how}; ${inventory(gpus)}`, "orch gpus");
}

function inventory(gpus: readonly Gpu[]): string {
  if (gpus.length === 0) return "this host has no GPU that orch can see";
  const each = gpus.map((gpu) => `GPU ${gpu.index} with ${formatBytes(gpu.totalBytes)}`);
  return `this host has ${each.join(", ")}`;
}

/** As `tooLarge`, for one GPU that was asked for. */
export function tooLargeFor(state: State, spec: LaneSpec, uuid: string | null): Reply | undefined {
  const gpu = uuid === null ? undefined : state.gpus.get(uuid);
  if (gpu === undefined || fitsEmpty(state.policy, spec, gpu)) return undefined;
  const has = `GPU ${gpu.index} has ${formatBytes(gpu.totalBytes)}`;
  return refuse(
    "gpu/too-large",
    `${spec.title} needs ${formatBytes(spec.vramBytes ?? 0)}; ${has}`,
    "orch gpus",
  );
}

function tooLargeForHost({ policy }: State, spec: LaneSpec): Reply | undefined {
  if (spec.cpuCores > policy.cpuCores) {
    const text = `${spec.title} needs ${spec.cpuCores} CPU cores; orch may use ${policy.cpuCores} here`;
    return refuse("host/too-large", text, "set cpuCores in config.yaml, or ask for fewer with --cpus");
  }
  if (policy.ramBytes > 0 && spec.ramBytes > policy.ramBytes) {
    const text = `${spec.title} needs ${formatBytes(spec.ramBytes)} of memory; orch may use ${formatBytes(policy.ramBytes)} here`;
    return refuse("host/too-large", text, "set ram in config.yaml, or ask for less with --ram");
  }
  return undefined;
}
