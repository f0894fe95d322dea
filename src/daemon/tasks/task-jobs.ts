import type { Submission } from "../../protocol/inputs.ts";
import { JobOptions } from "../../protocol/inputs.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { parseBytes } from "../../std/bytes.ts";
import type { Json } from "../../std/json.ts";
import type { JobRow } from "../../store/queries.ts";
import type { TaskRow } from "../../store/tasks.ts";
import { wholeParams } from "../../tasks/choose-runtime.ts";
import { answered, inferenceResult, itemParams, itemsOf } from "../../tasks/inference.ts";
import { priorityOf } from "../../tasks/job-wishes.ts";
import { type JsonMap, mapOf, valueAt } from "../../tasks/json-map.ts";
import { mergeShards, shardsOf } from "../../tasks/shards.ts";

/** Attempts of a task, the first one counted. */
export const MOST_ATTEMPTS = 3;

/** Whether a runtime takes a task whole, not prompt by prompt. */
function takesWhole({ params }: Runtime, type: string): boolean {
  return params["task"] !== undefined || params["spec"] !== undefined || type !== "inference";
}

interface Terms {
  readonly runtime: Runtime;
  /** A quota of its user; null = none. */
  readonly maxPriority: number | null;
}

/** The jobs that a task comes to: one for each shard, or one for each prompt. @throws Failure task/invalid */
export function jobsOf(task: TaskRow, spec: JsonMap, { runtime, maxPriority }: Terms): Submission[] {
  const works = takesWhole(runtime, task.type)
    ? shardsOf(spec).map((shard) => wholeParams(runtime, task.id, task.type, shard))
    : itemsOf(spec).map((item) => itemParams(runtime, spec, item));
  const options = JobOptions.parse({
    ...{
      retries: MOST_ATTEMPTS - 1,
      priority: Math.min(priorityOf(spec), maxPriority ?? Number.POSITIVE_INFINITY),
    },
    ...{
      label: task.name.slice(0, 200),
      labels: { task: task.id },
      correlation: task.correlation ?? `task-${task.id}`,
    },
    ...(runtime.protocol === "exec" ? wishesOf(spec) : {}),
  });
  return works.map((params) => ({ runtime: runtime.name, params, options }));
}

/** A program that runs once gets what the document asks for; a resident model has what its runtime says. */
function wishesOf(spec: JsonMap): Record<string, Json> {
  const { cpu, memory, gpu } = mapOf(valueAt(spec, "resources.hardware"));
  const { count, memory: vram } = mapOf(gpu);
  const bytesOf = (size: Json): number => (typeof size === "number" ? size : parseBytes(String(size)));
  return {
    cpus: Math.ceil(Number(cpu)),
    ...(memory === undefined ? {} : { ramBytes: bytesOf(memory) }),
    ...(count === undefined ? {} : { gpus: Number(count) }),
    ...(vram === undefined || vram === null ? {} : { vramBytes: bytesOf(vram) }),
  };
}

/** A job that succeeded, with its output; one that is too large for a row is in a file. */
export interface Answer {
  readonly job: JobRow;
  readonly output: Json;
}

/** The result of a task whose jobs succeeded, in their order. */
export function resultOf(task: TaskRow, spec: JsonMap, runtime: Runtime, answers: readonly Answer[]): Json {
  const seconds = (name: "startedAtMs" | "finishedAtMs"): number[] =>
    answers.flatMap(({ job }) => (job[name] === null ? [] : [job[name] / 1000]));
  if (takesWhole(runtime, task.type)) return mergeShards(answers.map(({ output }) => output));
  const items = itemsOf(spec);
  const took = Math.max(0, ...seconds("finishedAtMs")) - Math.min(...seconds("startedAtMs"));
  const list = answers.flatMap(({ output }, index) => {
    const item = items[index];
    return item === undefined ? [] : [answered(index, item, output)];
  });
  return inferenceResult(spec, list, Number.isFinite(took) ? Math.max(0, took) : 0);
}
