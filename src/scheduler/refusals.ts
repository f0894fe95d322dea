import { formatBytes } from "../std/bytes.ts";
import { fitsEmpty, suits } from "./capacity.ts";
import type { Reply } from "./events.ts";
import type { Gpu, LaneSpec, State } from "./model.ts";
import type { RefusalCode } from "./refusal-code.ts";

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
  if (spec.gpuCount === 1)
    for (const gpu of state.gpus.values()) if (fitsEmpty(state.policy, spec, gpu)) return undefined;
  const gpus = [...state.gpus.values()];
  if (spec.gpuCount > gpus.length) {
    return refuse(
      "gpu/too-many",
      `${spec.title} needs ${gpusText(spec.gpuCount)}; ${inventory(gpus)}`,
      gpus.length === 0 ? "orch doctor gpus" : "orch gpus",
    );
  }
  const kind = wrongKind(spec, gpus);
  if (kind !== undefined) return kind;
  const fitting = gpus.filter((gpu) => fitsEmpty(state.policy, spec, gpu));
  if (mostOfOneVendor(fitting) >= spec.gpuCount) return undefined;
  const needs = formatBytes(spec.vramBytes ?? 0);
  const how = spec.gpuCount === 1 ? `${needs} on one GPU` : `${needs} on each of ${spec.gpuCount} GPUs`;
  return refuse("gpu/too-large", `${spec.title} needs ${how}; ${inventory(gpus)}`, "orch gpus");
}

/** Enough GPUs, and too few of the kind that the programs of `spec` can use together. */
function wrongKind(spec: LaneSpec, gpus: readonly Gpu[]): Reply | undefined {
  const suitable = gpus.filter((gpu) => suits(spec, gpu));
  if (mostOfOneVendor(suitable) >= spec.gpuCount) return undefined;
  const { title, gpuCount, gpuVendor } = spec;
  const isSplit = suitable.length < gpus.length && gpus.some(({ parent }) => parent !== null);
  const whose = gpuVendor === null ? "of one vendor" : `of ${vendorNames[gpuVendor]}`;
  const why = isSplit && gpuCount > 1 ? "; a program uses one MIG instance at most" : "";
  return refuse(
    "gpu/too-many",
    `${title} needs ${gpusText(gpuCount)} ${whose}${why}; ${inventory(gpus)}`,
    "orch gpus",
  );
}

const vendorNames = { nvidia: "NVIDIA", amd: "AMD" } as const;

function mostOfOneVendor(gpus: readonly Gpu[]): number {
  const counts = new Map<Gpu["vendor"], number>();
  for (const { vendor } of gpus) counts.set(vendor, (counts.get(vendor) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

function gpusText(count: number): string {
  return count === 1 ? "a GPU" : `${count} GPUs`;
}

function inventory(gpus: readonly Gpu[]): string {
  if (gpus.length === 0) return "this host has no GPU that orch can see";
  const each = gpus.map((gpu) => `GPU ${gpu.index} with ${formatBytes(gpu.totalBytes)}`);
  return `this host has ${each.join(", ")}`;
}

/** As `tooLarge`, for one GPU that was asked for. */
export function tooLargeFor(state: State, spec: LaneSpec, uuid: string | null): Reply | undefined {
  const gpu = uuid === null ? undefined : state.gpus.get(uuid);
  if (gpu === undefined) return undefined;
  const alike = [...state.gpus.values()].filter(({ vendor }) => vendor === gpu.vendor);
  if (fitsEmpty(state.policy, spec, gpu))
    return alike.filter((any) => fitsEmpty(state.policy, spec, any)).length >= spec.gpuCount
      ? undefined
      : refuse(
          "gpu/too-many",
          `${spec.title} needs ${spec.gpuCount} GPUs like GPU ${gpu.index}; ${inventory(alike)}`,
          "orch gpus",
        );
  if (!suits(spec, gpu)) {
    const what = gpu.parent === null ? `of ${vendorNames[gpu.vendor ?? "nvidia"]}` : "a MIG instance";
    return refuse(
      "gpu/too-large",
      `${spec.title} cannot run on GPU ${gpu.index}, which is ${what}`,
      "orch gpus",
    );
  }
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
