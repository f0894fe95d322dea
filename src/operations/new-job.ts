import type { JobOptions, Submission } from "../protocol/inputs.ts";
import type { Caller } from "../protocol/operation.ts";
import { estimateKeyOf } from "../runtime/estimate-key.ts";
import { isHomeLane } from "../runtime/home-load.ts";
import { laneOf } from "../runtime/lane.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { NewJob, NewWork, Payload } from "../scheduler/events.ts";
import type { LaneSpec } from "../scheduler/model.ts";
import { must } from "../std/assert.ts";
import { formatBytes, parseBytes } from "../std/bytes.ts";
import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import type { JobRow } from "../store/queries.ts";
import { type ArrayMember, alone, forMember, isParticular, nameMember } from "./array-members.ts";
import type { Context } from "./context.ts";
import { checkOwnParams } from "./own-files.ts";
import { treatmentOf } from "./treatment.ts";

/** Stop grace of plain commands, as docker has it. */
const COMMAND_STOP_MS = 10_000;

/** What every job brings along unless it says otherwise. */
export const emptyPayload = {
  params: {},
  command: null,
  cwd: null,
  env: null,
  retryOf: null,
  arrayIndex: null,
} satisfies Partial<Payload>;

/** Checks a submission against its runtime and makes the job the scheduler gets. @throws Failure of many kinds */
export function newRuntimeJob(ctx: Context, submission: Submission, caller: Caller): NewJob {
  return must(newRuntimeJobs(ctx, submission, caller, [alone])[0], "one member makes one job");
}

/** As `newRuntimeJob`, for the members of an array. What all have alike is looked at once. */
export function newRuntimeJobs(
  ctx: Context,
  submission: Submission,
  caller: Caller,
  members: readonly ArrayMember[],
): NewJob[] {
  const runtime = usableRuntime(ctx, submission.runtime);
  const { options } = submission;
  const treatment = treatmentOf(ctx, options, caller, runtime.timeouts.jobMs);
  const work = (given: Submission["params"]) => {
    const params = checkOwnParams(ctx, runtime, given, caller);
    const lane = laneSpecOf(runtime, params, options);
    return {
      params,
      lane,
      summary: summaryOf(runtime, params),
      estimateKey: estimateKeyOf(runtime, params),
    };
  };
  const areAlike = !members.some((member) => isParticular(member, Object.values(submission.params)));
  const common = areAlike ? work(submission.params) : null;
  return members.map((member) => {
    const { params, lane, summary, estimateKey } =
      common ?? nameMember(member, () => work(paramsOf(member, submission.params)));
    return {
      lane,
      payload: {
        params,
        command: null,
        cwd: null,
        env: null,
        retryOf: null,
        summary,
        label: options.label,
        labels: options.labels,
        uid: caller.uid,
        user: caller.user,
        arrayIndex: member.index,
        correlation: options.correlation ?? caller.correlation ?? null,
      },
      estimateKey,
      ...treatment,
    };
  });
}

/**
 * What a job that waits is to do with other params, checked as at its submission. What it asked for of GPUs and of the host
 * stays.
 * @throws Failure param/…, file/…, runtime/unknown, runtime/invalid
 */
export function reworked(
  ctx: Context,
  job: Pick<JobRow, "runtime" | "uid" | "user" | "lane">,
  given: Submission["params"],
  key: Caller["key"],
): NewWork {
  const runtime = usableRuntime(ctx, job.runtime);
  const params = checkOwnParams(ctx, runtime, given, { uid: job.uid, user: job.user, ...(key && { key }) });
  const { spec } = must(ctx.state().lanes.get(job.lane), `a waiting job is of an unknown lane ${job.lane}`);
  const { gpuCount: gpus, cpuCores: cpus, ramBytes, vramBytes } = spec;
  const asked = { gpus, cpus, ramBytes, ...(vramBytes === null ? {} : { vramBytes }) };
  return {
    params,
    lane: laneSpecOf(runtime, params, asked),
    summary: summaryOf(runtime, params),
    estimateKey: estimateKeyOf(runtime, params),
  };
}

function paramsOf(member: ArrayMember, given: Submission["params"]): Submission["params"] {
  const own = Object.entries(given).map(([name, value]) => [
    name,
    typeof value === "string" ? forMember(member, value) : value,
  ]);
  return { ...Object.fromEntries(own), ...member.values };
}

/** A runtime that workers can be started of. @throws Failure runtime/unknown, runtime/invalid, engine/unavailable */
export function usableRuntime(ctx: Context, name: string): Runtime {
  const runtime = ctx.runtimes.get(name);
  if (ctx.users !== null && ctx.users.workerUser === null) {
    throw new Failure("engine/unavailable", "workers of runtimes have no user to run as", {
      why: "the daemon is root and serves several users",
      hint: "an admin sets workerUser: NAME in its config.yaml",
    });
  }
  return runtime;
}

/** What the scheduler needs to know of a runtime with these params. */
export function laneSpecOf(
  runtime: Runtime,
  params: Readonly<Record<string, Json>>,
  asked: Pick<JobOptions, "gpus" | "vramBytes" | "cpus" | "ramBytes"> = {},
): LaneSpec {
  const lane = laneOf(runtime, params);
  const gpuCount = asked.gpus ?? runtime.gpu.count;
  const vramBytes = asked.vramBytes ?? runtime.gpu.vramBytes;
  const plainCores = runtime.cpus ?? (gpuCount === 0 && runtime.protocol === "exec" ? 1 : 0);
  const cpuCores = asked.cpus ?? plainCores;
  const ramBytes = asked.ramBytes ?? runtime.ramBytes;
  const isAsDeclared = gpuCount === runtime.gpu.count && vramBytes === runtime.gpu.vramBytes;
  const gpus = isAsDeclared ? "" : shapeOf(gpuCount, vramBytes, runtime.gpu.mode);
  const shape = `${gpus}${hostShape(cpuCores, plainCores, ramBytes, runtime.ramBytes)}`;
  return {
    key: shape === "" ? lane.key : `${lane.key}#${shape}`,
    runtime: runtime.name,
    load: JSON.stringify(lane.load),
    title: lane.display,
    residency: runtime.protocol === "exec" ? "one-shot" : "resident",
    gpuCount,
    mode: runtime.gpu.mode,
    vramBytes,
    gpuVendor: runtime.gpu.vendor,
    cpuCores,
    ramBytes,
    slots: runtime.protocol === "exec" ? 1 : runtime.slots,
    minReplicas: shape === "" && isHomeLane(runtime, lane) ? runtime.replicas.min : 0,
    maxReplicas: Math.max(1, runtime.replicas.max, runtime.replicas.min),
    keepAliveMs: runtime.keepAliveMs,
    minResidencyMs: runtime.minResidencyMs,
    stopTimeoutMs: runtime.timeouts.stopMs,
    sleep: sleepOf(runtime, gpuCount),
    needsPreparation: needsPreparation(runtime),
  };
}

/** A job may ask for other GPUs than its runtime declares: what is frozen comes back onto one. */
function sleepOf({ sleep }: Runtime, gpuCount: number): LaneSpec["sleep"] {
  const isPossible = sleep?.level === "freeze" ? gpuCount === 1 : gpuCount > 0;
  return isPossible ? sleep : null;
}

function needsPreparation({ engine, python }: Runtime): LaneSpec["needsPreparation"] {
  if (engine === "container") return "image";
  return python?.requirementsPath ? "environment" : null;
}

/** What a plain command asks of the host. */
export interface CommandNeeds {
  readonly gpus: number;
  readonly vramBytes: number | null;
  readonly mode: "exclusive" | "shared";
  /** Null = one for a command without a GPU, else none are counted. */
  readonly cpus: number | null;
  readonly ramBytes: number;
}

/** The lane of plain commands that need the same. */
export function commandLane(needs: CommandNeeds): LaneSpec {
  const { gpus: gpuCount, vramBytes, mode, ramBytes } = needs;
  const plainCores = gpuCount === 0 ? 1 : 0;
  const cpuCores = needs.cpus ?? plainCores;
  const shape = shapeOf(gpuCount, vramBytes, mode) + hostShape(cpuCores, plainCores, ramBytes, 0);
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
    gpuVendor: null,
    cpuCores,
    ramBytes,
    slots: 1,
    minReplicas: 0,
    maxReplicas: 1,
    keepAliveMs: 0,
    minResidencyMs: 0,
    stopTimeoutMs: COMMAND_STOP_MS,
    sleep: null,
    needsPreparation: null,
  };
}

function shapeOf(gpuCount: number, vramBytes: number | null, mode: string): string {
  if (gpuCount === 0) return "cpu";
  const size = vramBytes === null ? "whole" : exactSize(vramBytes);
  return `${gpuCount}x${size}${mode === "shared" ? "-shared" : ""}`;
}

/** Cores and memory of the host, where they are not what is usual there. */
function hostShape(cpuCores: number, usualCores: number, ramBytes: number, usualBytes: number): string {
  const cores = cpuCores === usualCores ? "" : `+${cpuCores}cpu`;
  return `${cores}${ramBytes === usualBytes ? "" : `+${exactSize(ramBytes)}ram`}`;
}

/** A size as people read it, unless that rounds: jobs of one lane share one lease size to the byte. */
function exactSize(bytes: number): string {
  const text = formatBytes(bytes).replace(" ", "");
  return parseBytes(text) === bytes ? text : `${bytes}B`;
}

const SUMMARY_MAX = 120;
/** Of a long text, as many characters as may come down to a line. */
const LOOKED_AT = 20 * SUMMARY_MAX;

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
  const line = text.trimStart().slice(0, LOOKED_AT).replaceAll(/\s+/g, " ").trim();
  return line.length <= SUMMARY_MAX ? line : `${line.slice(0, SUMMARY_MAX - 1)}…`;
}
