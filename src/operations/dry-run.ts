import type { Submission as Asked } from "../protocol/inputs.ts";
import { Submission } from "../protocol/inputs.ts";
import type { Caller } from "../protocol/operation.ts";
import { DryRunView } from "../protocol/views.ts";
import { estimateKeyOf } from "../runtime/estimate-key.ts";
import type { NewJob } from "../scheduler/events.ts";
import { forecastSubmit, type StartForecast } from "../scheduler/forecast.ts";
import type { LaneSpec, State } from "../scheduler/model.ts";
import { formatBytes } from "../std/bytes.ts";
import type { Context } from "./context.ts";
import { viewDecision, viewEta } from "./eta-view.ts";
import { emptyPayload, laneSpecOf } from "./new-job.ts";
import { operation } from "./operation.ts";
import { checkOwnParams } from "./own-files.ts";
import { treatmentOf } from "./treatment.ts";

export const dryRun = operation({
  route: "POST /jobs/dry-run",
  summary: "What a submission would do: checked params, lease, place, time, who would make room, command",
  who: "all",
  input: Submission,
  output: DryRunView,
  async run(ctx, input, caller) {
    const { runtime, params, job } = await jobOf(ctx, input, caller);
    return viewDryRun(ctx, job, (gpuUuids) => ctx.planLaunch({ runtime, params, gpuUuids }));
  },
});

interface Started {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * What would become of a job, by the scheduler's own forecast.
 * @param launchOn what would be started with these GPUs (UUIDs)
 */
export async function viewDryRun(
  ctx: Context,
  job: NewJob,
  launchOn: (gpuUuids: readonly string[]) => Started | Promise<Started>,
): Promise<DryRunView> {
  const nowMs = ctx.clock.nowMs();
  const state = ctx.state();
  const { lane: spec } = job;
  const forecast = forecastSubmit(state, nowMs, job);
  const started = launchOn(forecast.start?.decision?.gpus ?? someGpus(state, spec));
  const view = {
    runtime: spec.runtime,
    lane: spec.key,
    params: { ...job.payload.params },
    lease: { gpus: spec.gpuCount, mode: spec.mode, vramBytes: spec.vramBytes },
    fits: forecast.reply?.ok === true,
    placement: placementOf(state, nowMs, spec, forecast),
    start: viewEta(forecast, state.lanes.get(spec.key), nowMs),
    evicts: forecast.decisions
      .filter(({ forLaneKey }) => forLaneKey === spec.key)
      .map((decision) => viewDecision(decision, nowMs)),
  };
  const { argv, env } = await started;
  return { ...view, command: [...argv], env: { ...env } };
}

/** The job as it would be submitted; it is made of a runtime that has no engine here, too. */
async function jobOf(ctx: Context, { runtime: name, params: given, options }: Asked, caller: Caller) {
  const runtime = ctx.runtimes.get(name);
  await ctx.groups.know(caller);
  const params = checkOwnParams(ctx, runtime, given, caller);
  const payload = { ...emptyPayload, params, summary: "", label: null, uid: caller.uid, user: caller.user };
  const job: NewJob = {
    ...treatmentOf(ctx, options, caller, runtime.timeouts.jobMs),
    lane: laneSpecOf(runtime, params, options),
    payload,
    estimateKey: estimateKeyOf(runtime, params),
  };
  return { runtime: runtime.name, params, job };
}

/** Where it would run, in words. */
function placementOf(state: State, nowMs: number, spec: LaneSpec, forecast: StartForecast): string {
  const { reply, reason, start, decisions } = forecast;
  if (reply?.ok === false) return reply.message;
  if (spec.gpuCount === 0) return "it needs no GPU";
  const worker = start?.decision?.worker ?? null;
  if (worker === null) return reason === null ? "it would wait" : `it would wait: ${reason.text}`;
  const isFree = (atMs: number): string => (atMs <= nowMs ? "now" : "once there is room");
  for (const live of state.workers.values())
    if (live.name === worker) return `on its resident worker ${worker}, ${isFree(start?.atMs ?? nowMs)}`;
  const begun = decisions.find((decision) => decision.kind === "start-worker" && decision.worker === worker);
  const gpus = (begun?.gpus ?? []).flatMap((uuid) => state.gpus.get(uuid) ?? []);
  const names = gpus.map((gpu) => `GPU ${gpu.index} (${formatBytes(gpu.totalBytes)})`).join(", ");
  return `on ${names}, ${isFree(begun?.atMs ?? nowMs)}`;
}

/** Any GPUs, to show the command with where no start is to be seen. */
function someGpus(state: State, spec: LaneSpec): string[] {
  return [...state.gpus.keys()].slice(0, spec.gpuCount);
}
