import { z } from "zod";
import { Flag, JobId } from "../protocol/inputs.ts";
import { DecisionView, EtaView, JobView, Reason } from "../protocol/views.ts";
import { workerDetail } from "../scheduler/explain.ts";
import { forecastStart, type StartForecast } from "../scheduler/forecast.ts";
import type { Job } from "../scheduler/job-model.ts";
import type { State, Worker } from "../scheduler/model.ts";
import { isRequestId } from "../scheduler/request-jobs.ts";
import type { Context } from "./context.ts";
import { viewDecision, viewEta } from "./eta-view.ts";
import { findJob, viewJob } from "./job-view.ts";
import { operation } from "./operation.ts";

const AHEAD_SHOWN = 5;

const LaneBefore = z.object({ lane: z.string(), jobs: z.number().int().describe("that start before it") });

export const why = operation({
  route: "GET /jobs/:job/why",
  summary: "Why a job waits and when it is expected to start, or why it ended as it did",
  who: "all",
  input: z
    .object({
      job: JobId,
      outlook: Flag.default(true).describe("false: without what the plan foresees, which takes milliseconds"),
    })
    .strict(),
  output: z.object({
    job: JobView,
    reason: Reason,
    position: z.number().int().nullable().describe("1 = next of its lane; null when it is not queued"),
    ahead: z.array(z.number().int()).describe("the first jobs before it in its lane"),
    lane: z.string(),
    lanesBefore: z.array(LaneBefore).describe("other lanes with jobs that start before it, as planned"),
    leaving: z
      .array(z.object({ worker: z.string(), detail: z.string() }))
      .describe("workers that are making room for it now"),
    evicts: z.array(DecisionView).describe("workers that will make room for it"),
    eta: EtaView.nullable().describe("when it will start; null when that is not to be seen, or it has"),
  }),
  async run(ctx, input) {
    const row = findJob(ctx, input.job);
    const view = viewJob(ctx, row);
    const state = ctx.state();
    const job = state.jobs.get(row.id);
    const isQueued = job?.phase.state === "queued";
    const position = isQueued ? job.lane.queue.ahead(job) + 1 : null;
    const ahead = isQueued
      ? job.lane.queue.list(AHEAD_SHOWN + 1).filter((id) => id !== job.id && !isRequestId(id))
      : [];
    return {
      job: view,
      reason: view.reason ?? plainReason(view.state),
      position,
      ahead: ahead.slice(0, Math.min(AHEAD_SHOWN, (position ?? 1) - 1)),
      lane: row.lane,
      leaving: isQueued ? leavingFor(state, job) : [],
      ...(job === undefined || job.phase.state === "running" || !input.outlook
        ? noOutlook
        : outlookOf(ctx, job)),
    };
  },
});

const noOutlook = { lanesBefore: [], evicts: [], eta: null };

/** What is expected to happen until the job starts. */
function outlookOf(ctx: Context, job: Job) {
  const nowMs = ctx.clock.nowMs();
  const forecast = forecastStart(ctx.state(), nowMs, job);
  if (forecast.start !== null) ctx.noteEta(job.id, forecast.start.atMs);
  // One that is held is in no line: nobody is before it, and nothing makes room for it.
  const isHeld = job.phase.state === "held";
  const evicts = forecast.decisions.filter(({ forLaneKey }) => !isHeld && forLaneKey === job.lane.spec.key);
  return {
    lanesBefore: isHeld ? [] : lanesBefore(forecast, job),
    evicts: evicts.slice(0, AHEAD_SHOWN).map((decision) => viewDecision(decision, nowMs)),
    eta: viewEta(forecast, job.lane, nowMs),
  };
}

function lanesBefore({ decisions }: StartForecast, job: Job): { lane: string; jobs: number }[] {
  const counts = new Map<string, { lane: string; jobs: number }>();
  for (const { kind, laneKey, lane } of decisions) {
    if (kind !== "start-job" || laneKey === job.lane.spec.key) continue;
    const known = counts.get(laneKey);
    if (known) known.jobs += 1;
    else counts.set(laneKey, { lane, jobs: 1 });
  }
  return [...counts.values()].slice(0, AHEAD_SHOWN);
}

/** Workers that are on their way off the GPUs that the job's lane was promised. */
function leavingFor(state: State, job: Job): { worker: string; detail: string }[] {
  const { code, gpus } = job.lane.verdict;
  if (code !== "draining" && code !== "gpu-busy") return [];
  const found = new Set<Worker>();
  for (const uuid of gpus) for (const { worker } of state.gpus.get(uuid)?.leases ?? []) found.add(worker);
  return [...found]
    .filter(({ phase }) => phase.state === "draining" || phase.state === "stopping")
    .map((worker) => ({ worker: worker.name, detail: workerDetail(worker) }));
}

function plainReason(state: string): z.infer<typeof Reason> {
  return { code: state, text: state === "running" ? "it is running" : `it ${state}` };
}
