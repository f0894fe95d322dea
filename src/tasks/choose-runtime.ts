import type { Runtime } from "../runtime/runtime.ts";
import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import { type JsonMap, mapOf, valueAt } from "./json-map.ts";

/** Which runtime serves a task type: one for all of it, or by the identifier of the model. */
export type RuntimesByType = Readonly<Record<string, string | Readonly<Record<string, string>>>>;

/** What is known of the runtimes there are. */
export interface KnownRuntimes {
  get(name: string): Runtime;
  list(): readonly { readonly name: string; readonly runtime?: Runtime | undefined }[];
}

/** Task types that need no runtime. */
export const builtIn = "echo";

/**
 * The runtime that a task is for: the one the settings name, else for `inference` one that bears the name of the model, or that
 * takes any model.
 * @returns null for what needs none
 * @throws Failure task/invalid naming the type or the model that nothing serves; runtime/unknown, runtime/invalid
 */
export function runtimeFor(
  type: string,
  spec: JsonMap,
  asked: RuntimesByType,
  known: KnownRuntimes,
): Runtime | null {
  if (type === builtIn && !Object.hasOwn(asked, type)) return null;
  const model = modelOf(spec);
  const set = Object.hasOwn(asked, type) ? asked[type] : undefined;
  if (typeof set === "string") return known.get(set);
  const byModel = set !== undefined && model !== null && Object.hasOwn(set, model) ? set[model] : set?.["*"];
  if (byModel !== undefined) return known.get(byModel);
  const found = type === "inference" ? fitting(model, known) : null;
  if (found !== null) return found;
  const what = type === "inference" ? `the model ${JSON.stringify(model ?? "")}` : `taskType ${type}`;
  throw new Failure("task/invalid", `Invalid field spec.taskType: no runtime serves ${what}`, {
    why: `tasks.runtimes.${type} of config.yaml names none`,
    hint: `set tasks: { runtimes: { ${type}: RUNTIME } } in config.yaml; orch runtimes lists them`,
  });
}

/** The identifier of the model that a task asks for; null = it names none. */
export function modelOf(spec: JsonMap): string | null {
  const model = spec["model"];
  const named =
    typeof model === "string" ? model : (valueAt(model, "source.identifier") ?? mapOf(model)["identifier"]);
  return typeof named === "string" && named !== "" ? named : null;
}

function fitting(model: string | null, known: KnownRuntimes): Runtime | null {
  const all = known.list().flatMap(({ runtime }) => (runtime === undefined ? [] : [runtime]));
  if (model === null) return onlyOne(all.filter(takesPrompts));
  const named = all.find(({ name }) => isNamed(model, name));
  if (named !== undefined) return named;
  const aliased = all.find((runtime) => aliasOf(runtime, model) !== undefined);
  if (aliased !== undefined) return aliased;
  const declared = all.find(({ params }) => isDeclared(params["model"], model));
  if (declared !== undefined) return declared;
  return all.find(({ params }) => takesAnyModel(params["model"])) ?? null;
}

/** "Qwen/Qwen3-8B" is the model that a runtime `qwen3-8b` is named after. */
function isNamed(model: string, name: string): boolean {
  return name === model || plain(name) === plain(model.split("/").at(-1) ?? model);
}

function aliasOf(
  { aliases }: Pick<Runtime, "aliases">,
  model: string,
): Runtime["aliases"][number] | undefined {
  return aliases.find(({ name }) => isNamed(model, name));
}

/**
 * The load params by which a runtime serves the model of a task: those of the alias that it is asked for by, or its param
 * `model`, unless it is asked for by its own name.
 */
export function modelParams(
  runtime: Pick<Runtime, "name" | "params" | "aliases">,
  model: string | null,
): JsonMap {
  const param = runtime.params["model"];
  if (model === null || plain(model) === plain(runtime.name)) return {};
  const alias = aliasOf(runtime, model);
  if (alias !== undefined) return alias.params;
  // A file is named by its path; what only has a name is not one.
  const takesIt = param?.type === "string" || (param?.type === "file" && model.startsWith("/"));
  return takesIt ? { model } : {};
}

function isDeclared(param: Runtime["params"][string] | undefined, model: string): boolean {
  return param?.type === "string" && (param.default === model || (param.choices?.includes(model) ?? false));
}

function takesAnyModel(param: Runtime["params"][string] | undefined): boolean {
  return param?.type === "string" && param.load && param.choices === undefined;
}

function takesPrompts({ params }: Runtime): boolean {
  return ["prompt", "text", "messages", "task"].some((name) => params[name] !== undefined);
}

function onlyOne(found: readonly Runtime[]): Runtime | null {
  return found.length === 1 ? (found[0] ?? null) : null;
}

/** Names as people vary them: small letters, one kind of dash. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}

/** The params of a runtime that takes a task whole: `task`, or the parts of the spec under their own names. */
export function wholeParams(
  runtime: Runtime,
  taskId: string,
  type: string,
  spec: JsonMap,
): Record<string, Json> {
  const model = modelOf(spec);
  const offered: Record<string, Json> = {
    task: { task_id: taskId, taskType: type, spec },
    task_id: taskId,
    spec,
  };
  const params = Object.entries(runtime.params).flatMap(([name, param]) => {
    if (Object.hasOwn(offered, name)) return [[name, offered[name] ?? null] as const];
    if (name === "model" && param.type !== "json") return [];
    const own = Object.hasOwn(spec, name) ? spec[name] : undefined;
    return own === undefined || own === null ? [] : [[name, own] as const];
  });
  return { ...Object.fromEntries(params), ...modelParams(runtime, model) };
}
