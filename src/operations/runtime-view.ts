import type { RuntimeView } from "../protocol/views.ts";
import type { FoundRuntime } from "../runtime/discover.ts";
import { viewParams } from "../runtime/params-view.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Context } from "./context.ts";
import { measuredSwitchMs } from "./learned-view.ts";

/** A runtime as callers see it, with what is known of its lanes. */
export function viewRuntime(ctx: Pick<Context, "state">, runtime: Runtime): RuntimeView {
  return {
    name: runtime.name,
    summary: runtime.summary,
    origin: runtime.origin,
    dir: runtime.dir,
    engine: runtime.engine,
    protocol: runtime.protocol,
    gpu: runtime.gpu,
    slots: runtime.slots,
    replicas: runtime.replicas,
    keepAliveMs: runtime.keepAliveMs,
    timeouts: runtime.timeouts,
    params: viewParams(runtime),
    outputs: [...runtime.outputs],
    switchMs: measuredSwitchMs(ctx.state(), runtime.name),
    problem: null,
  };
}

/** A runtime as found: a broken one is shown with its problem, and nothing that its file may have meant. */
export function viewFoundRuntime(ctx: Pick<Context, "state">, found: FoundRuntime): RuntimeView {
  if ("runtime" in found) return viewRuntime(ctx, found.runtime);
  const { name, origin, dir, problem } = found;
  return {
    name,
    summary: "",
    origin,
    dir,
    engine: "unknown",
    protocol: "unknown",
    gpu: { count: 0, vramBytes: null, mode: "exclusive", vendor: null, mps: null },
    slots: 0,
    replicas: { min: 0, max: 0 },
    keepAliveMs: null,
    timeouts: { readyMs: null, jobMs: null, stopMs: 0 },
    params: [],
    outputs: [],
    switchMs: null,
    problem: problem.sentence,
  };
}
