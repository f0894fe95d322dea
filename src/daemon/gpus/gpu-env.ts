import { statSync } from "node:fs";
import type { AmdDevice } from "../../engine/container/gpu-arguments.ts";
import { gpuVariables } from "../../runtime/gpu-environment.ts";
import type { World } from "../world.ts";

/** The device nodes of those of the GPUs that are AMD's. */
export function amdDevicesOf(
  { sampler }: Pick<World, "sampler">,
  uuids: readonly string[],
): readonly AmdDevice[] {
  return sampler.latest().gpus.flatMap(({ reading: { uuid, node } }) => {
    if (node === undefined || !uuids.includes(uuid)) return [];
    return [{ node, gid: statSync(node, { throwIfNoEntry: false })?.gid ?? 0 }];
  });
}

/** An environment that somebody else made, without what would choose GPUs. */
export function withoutGpuVariables(env: Readonly<Record<string, string>> | null): Record<string, string> {
  return Object.fromEntries(Object.entries(env ?? {}).filter(([name]) => !gpuVariables.includes(name)));
}
