import { Submission } from "../protocol/inputs.ts";
import { DryRunView } from "../protocol/views.ts";
import { checkParams } from "../runtime/check-params.ts";
import { neededBytes, usableBytes } from "../scheduler/capacity.ts";
import type { LaneSpec } from "../scheduler/model.ts";
import { tooLarge } from "../scheduler/requests.ts";
import { formatBytes } from "../std/bytes.ts";
import type { Context } from "./context.ts";
import { laneSpecOf } from "./new-job.ts";
import { operation } from "./operation.ts";

export const dryRun = operation({
  route: "POST /jobs/dry-run",
  summary: "What a submission would do: checked params, lease, command",
  input: Submission,
  output: DryRunView,
  async run(ctx, input) {
    const runtime = ctx.runtimes.get(input.runtime);
    const params = checkParams(runtime, input.params);
    const spec = laneSpecOf(runtime, params, input.options);
    const { fits, placement, gpus } = placementOf(ctx, spec);
    const { argv, env } = ctx.planLaunch({ runtime: runtime.name, params, gpuUuids: gpus });
    return {
      runtime: runtime.name,
      lane: spec.key,
      params,
      lease: { gpus: spec.gpuCount, mode: spec.mode, vramBytes: spec.vramBytes },
      fits,
      placement,
      command: [...argv],
      env: { ...env },
    };
  },
});

/** Where a worker of this lane would go now. */
function placementOf(ctx: Context, spec: LaneSpec): { fits: boolean; placement: string; gpus: string[] } {
  if (spec.gpuCount === 0) return { fits: true, placement: "it needs no GPU", gpus: [] };
  const state = ctx.state();
  const refusal = tooLarge(state, spec);
  if (refusal?.ok === false) return { fits: false, placement: refusal.message, gpus: [] };
  const able = [...state.gpus.values()].filter(
    (gpu) => gpu.healthy && neededBytes(state.policy, spec, gpu) <= usableBytes(state.policy, gpu),
  );
  const resident = [...(state.lanes.get(spec.key)?.workers ?? [])].find(
    (worker) => worker.phase.state === "ready",
  );
  const gpus = able.sort((left, right) => left.leases.size - right.leases.size).slice(0, spec.gpuCount);
  const uuids = gpus.map((gpu) => gpu.uuid);
  const names = gpus.map((gpu) => `GPU ${gpu.index} (${formatBytes(gpu.totalBytes)})`).join(", ");
  if (resident) return { fits: true, placement: `on its resident worker ${resident.name}`, gpus: uuids };
  if (gpus.length < spec.gpuCount) {
    return { fits: true, placement: "it would wait: programs outside orch hold the memory", gpus: uuids };
  }
  const isFree = gpus.every((gpu) => gpu.leases.size === 0);
  return {
    fits: true,
    placement: isFree ? `on ${names}, now` : `on ${names}, once its workers make room`,
    gpus: uuids,
  };
}
