import { z } from "zod";
import { GpuView } from "../protocol/views.ts";
import { must } from "../std/assert.ts";
import { Failure } from "../std/failure.ts";
import type { Context } from "./context.ts";
import { viewGpus } from "./gpu-view.ts";
import { operation } from "./operation.ts";
import { gpuUuidOf } from "./summon.ts";

export const gpuClear = operation({
  route: "POST /gpus/:gpu/clear",
  summary: "Look at a GPU in quarantine again, and put it back if it is in order",
  who: "admins",
  input: z.object({ gpu: z.string().describe("index or UUID") }).strict(),
  output: GpuView,
  async run(ctx, input) {
    const uuid = gpuUuidOf(ctx, input.gpu);
    const sample = await ctx.gpuSample(true);
    const sampled = sample.gpus.find(({ reading }) => reading.uuid === uuid);
    if (sample.stale !== null) throw stillBroken(input.gpu, sample.stale.reason);
    if (sampled === undefined) throw stillBroken(input.gpu, "the driver does not show it");
    if (!sampled.reading.health.ok) throw stillBroken(input.gpu, sampled.reading.health.detail);
    refuseStuck(ctx, uuid, input.gpu);
    await ctx.ask({ type: "clear-gpu", gpu: uuid });
    const views = viewGpus(ctx, ctx.latestSample());
    return must(
      views.find((view) => view.uuid === uuid),
      "a GPU that was just looked at",
    );
  },
});

/** A program that cannot be killed still has the GPU's memory. */
function refuseStuck(ctx: Context, uuid: string, asked: string): void {
  const gpu = ctx.state().gpus.get(uuid);
  for (const { worker } of gpu?.leases ?? [])
    if (gpu?.quarantine?.code === "stuck" && worker.phase.state === "stopping")
      throw stillBroken(asked, `the program of ${worker.name} is still there`);
}

function stillBroken(asked: string, why: string): Failure {
  return new Failure("gpu/unavailable", `GPU ${asked} is still not in order`, {
    why,
    hint: "nvidia-smi -r resets a GPU, else reboot the host; then orch gpus clear",
  });
}
