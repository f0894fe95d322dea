import type { JobOptions, Submission } from "../protocol/inputs.ts";
import type { Caller } from "../protocol/operation.ts";
import { checkParams } from "../runtime/check-params.ts";
import { laneOf } from "../runtime/lane.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Dependency, NewJob } from "../scheduler/events.ts";
import type { LaneSpec } from "../scheduler/model.ts";
import { formatBytes, parseBytes } from "../std/bytes.ts";
import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import type { Context } from "./context.ts";

/** Stop grace of plain commands, as docker has it. */
const COMMAND_STOP_MS = 10_000;

/** Checks a submission against its runtime and makes the job the scheduler gets. @throws Failure of many kinds */
export function newRuntimeJob(ctx: Context, submission: Submission, caller: Caller): NewJob {
  const runtime = usableRuntime(ctx, submission.runtime);
  const params = checkParams(runtime, submission.params);
  const { options } = submission;
  return {
    lane: laneSpecOf(runtime, params, options),
    payload: {
      params,
      command: null,
      cwd: null,
      env: null,
      summary: summaryOf(runtime, params),
      label: options.label,
      uid: caller.uid,
      user: caller.user,
      retryOf: null,
    },
    ...treatmentOf(ctx, options, runtime.timeouts.jobMs),
  };
}

/** A runtime that workers can be started of. @throws Failure runtime/unknown, runtime/invalid, engine/unavailable */
export function usableRuntime(ctx: Context, name: string): Runtime {
  const runtime = ctx.runtimes.get(name);
  if (runtime.engine === "process") return runtime;
  throw new Failure(
    "engine/unavailable",
    `${name} runs in a container, and this orch has no container engine yet`,
    {
      hint: `orch submit ${name} --dry-run shows what would be run`,
    },
  );
}

/** What the scheduler needs to know of a runtime with these params. */
export function laneSpecOf(
  runtime: Runtime,
  params: Readonly<Record<string, Json>>,
  asked: Pick<JobOptions, "gpus" | "vramBytes"> = {},
): LaneSpec {
  const lane = laneOf(runtime, params);
  const gpuCount = asked.gpus ?? runtime.gpu.count;
  const vramBytes = asked.vramBytes ?? runtime.gpu.vramBytes;
  const isAsDeclared = gpuCount === runtime.gpu.count && vramBytes === runtime.gpu.vramBytes;
  return {
    key: isAsDeclared ? lane.key : `${lane.key}#${shapeOf(gpuCount, vramBytes, runtime.gpu.mode)}`,
    runtime: runtime.name,
    load: JSON.stringify(lane.load),
    title: lane.display,
    residency: runtime.protocol === "exec" ? "one-shot" : "resident",
    gpuCount,
    mode: runtime.gpu.mode,
    vramBytes,
    slots: runtime.protocol === "exec" ? 1 : runtime.slots,
    maxReplicas: Math.max(1, runtime.replicas.max),
    keepAliveMs: runtime.keepAliveMs,
    stopTimeoutMs: runtime.timeouts.stopMs,
  };
}

/** The lane of plain commands that need the same lease. */
export function commandLane(
  gpuCount: number,
  vramBytes: number | null,
  mode: "exclusive" | "shared",
): LaneSpec {
  const shape = shapeOf(gpuCount, vramBytes, mode);
  return {
    key: `run#${shape}`,
    runtime: "run",
    load: "{}",
    title:
      gpuCount === 0 ? "a command without a GPU" : `a command on ${gpuCount} GPU${gpuCount === 1 ? "" : "s"}`,
    residency: "one-shot",
    gpuCount,
    mode,
    vramBytes,
    slots: 1,
    maxReplicas: 1,
    keepAliveMs: 0,
    stopTimeoutMs: COMMAND_STOP_MS,
  };
}

function shapeOf(gpuCount: number, vramBytes: number | null, mode: string): string {
  if (gpuCount === 0) return "cpu";
  const size = vramBytes === null ? "whole" : exactSize(vramBytes);
  return `${gpuCount}x${size}${mode === "shared" ? "-shared" : ""}`;
}

/** A size as people read it, unless that rounds: jobs of one lane share one lease size to the byte. */
function exactSize(bytes: number): string {
  const text = formatBytes(bytes).replace(" ", "");
  return parseBytes(text) === bytes ? text : `${bytes}B`;
}

/** Priority, retries, limits and dependencies of a new job. @throws Failure dependency/unknown */
export function treatmentOf(ctx: Context, options: JobOptions, defaultLimitMs: number | null) {
  return {
    priority: options.priority,
    retries: options.retries,
    timeLimitMs: options.timeLimitMs ?? defaultLimitMs,
    hold: options.hold,
    after: [...new Set(options.after)].map((jobId) => dependencyOn(ctx, jobId)),
  };
}

function dependencyOn(ctx: Context, jobId: number): Dependency {
  if (ctx.state().jobs.has(jobId)) return { jobId, outcome: "live" };
  const state = ctx.queries.job(jobId)?.state;
  if (state === "succeeded" || state === "failed" || state === "cancelled") return { jobId, outcome: state };
  throw new Failure("dependency/unknown", `there is no job ${jobId} to wait for`, { hint: "orch ls --all" });
}

const SUMMARY_MAX = 120;

/** What people recognise a job by: its first text parameter, else all of them. */
function summaryOf(runtime: Runtime, params: Readonly<Record<string, Json>>): string {
  const text = Object.entries(params).find(
    ([name, value]) => typeof value === "string" && runtime.params[name]?.type === "string",
  );
  const given = Object.entries(params).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return shorten(text && text[1] !== "" ? String(text[1]) : given.join(" "));
}

/** One line of at most 120 characters. */
export function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length <= SUMMARY_MAX ? line : `${line.slice(0, SUMMARY_MAX - 1)}…`;
}
