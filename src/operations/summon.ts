import type { WorkerView } from "../protocol/views.ts";
import { checkParams } from "../runtime/check-params.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { LaneSpec } from "../scheduler/model.ts";
import { must } from "../std/assert.ts";
import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import type { Context } from "./context.ts";
import { laneSpecOf, usableRuntime } from "./new-job.ts";
import { createWaker } from "./waker.ts";
import { viewWorkerById } from "./worker-view.ts";

interface Asked {
  readonly runtime: string;
  readonly params: Readonly<Record<string, Json>>;
  /** Index or UUID; null = any. */
  readonly gpu: string | null;
  readonly evict: boolean;
}

/**
 * Has a worker of a runtime started and waits until it has its place (its GPU is granted); it may still be loading.
 * @param signal ends the waiting; the worker is started all the same.
 * @throws Failure when it is refused, or the first start fails.
 */
export async function summonWorker(ctx: Context, asked: Asked, signal: AbortSignal): Promise<WorkerView> {
  const lane = loadLane(ctx, asked);
  const waker = createWaker(ctx.feed, (notice) => notice.type === "events", signal);
  try {
    const known = fencesOf(ctx, lane);
    const gpu = asked.gpu === null ? null : gpuUuidOf(ctx, asked.gpu);
    const [running] = await ctx.ask({ type: "start-worker", lane, gpu, evict: asked.evict });
    if (running !== undefined) return viewWorkerById(ctx, running);
    for (;;) {
      // A new one, or one that slept: waking is a grant, too.
      for (const [id, fence] of fencesOf(ctx, lane))
        if (known.get(id) !== fence) return viewWorkerById(ctx, id);
      refuseIfGivenUp(ctx, lane);
      if (signal.aborted)
        throw new Failure("interrupted", `nobody waits for a worker of ${lane.title} any more`);
      await waker.wait();
    }
  } finally {
    waker.close();
  }
}

/** The lane that a resident worker is asked for. @throws Failure when there is none, or a load param is wrong */
export function loadLane(ctx: Context, asked: Pick<Asked, "runtime" | "params">): LaneSpec {
  const runtime = usableRuntime(ctx, asked.runtime);
  if (runtime.protocol === "exec") {
    throw new Failure("worker/state", `workers of ${runtime.name} run one job each and are started with it`, {
      hint: `orch submit ${runtime.name} --help`,
    });
  }
  return laneSpecOf(runtime, checkLoadParams(runtime, asked.params));
}

/** Params that workers are started with are checked; the others belong to jobs. */
function checkLoadParams(runtime: Runtime, given: Readonly<Record<string, Json>>): Record<string, Json> {
  const params = Object.fromEntries(Object.entries(runtime.params).filter(([, param]) => param.load));
  return checkParams({ ...runtime, params }, given);
}

/** The fences of a lane's workers, by id: each grant of GPUs has one of its own. */
function fencesOf(ctx: Context, lane: LaneSpec): Map<number, number> {
  const workers = ctx.state().lanes.get(lane.key)?.workers ?? [];
  return new Map([...workers].map(({ id, fence }) => [id, fence]));
}

function refuseIfGivenUp(ctx: Context, spec: LaneSpec): void {
  const lane = must(ctx.state().lanes.get(spec.key), `lane ${spec.key} was just asked for`);
  if (lane.summons !== null) return;
  throw new Failure("worker/failed", `no worker of ${spec.title} could be started`, {
    why: lane.lastStartError ?? undefined,
    hint: "orch workers ls --all",
  });
}

/** The UUID of a GPU that was named by it or by its index. @throws Failure gpu/unknown */
export function gpuUuidOf(ctx: Context, asked: string): string {
  for (const gpu of ctx.state().gpus.values()) {
    if (gpu.uuid === asked || String(gpu.index) === asked) return gpu.uuid;
  }
  throw new Failure("gpu/unknown", `there is no GPU "${asked}"`, { hint: "orch gpus" });
}
