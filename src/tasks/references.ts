import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import { isMap, type JsonMap, ownOf } from "./json-map.ts";

/** What references may name. */
export interface Sources {
  /** What is stored of a finished stage, with `result` and `task_id` in it; undefined = there is no such stage. */
  stage(name: string): JsonMap | undefined;
  /** A variable of the allowed set; undefined = it is not in it, or not set. */
  variable(name: string): string | undefined;
}

const REFERENCE = /\$\{([A-Za-z0-9_][A-Za-z0-9_.[\]-]*)\}/g;
const WHOLE = /^\$\{([A-Za-z0-9_][A-Za-z0-9_.[\]-]*)\}$/;

/** Names of stages that texts of a spec refer to: `${name.…}`, and nodes of a graph template. */
export function namedIn(value: Json): string[] {
  if (typeof value === "string")
    return [...value.matchAll(REFERENCE)].flatMap(([, inner = ""]) =>
      inner.includes(".") ? [inner.slice(0, inner.indexOf("."))] : [],
    );
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap(namedIn);
  if (!isMap(value)) return [];
  const { columns } = value;
  const nodes = Array.isArray(columns) ? (columns as readonly Json[]).flatMap(nodeOf) : [];
  return [...nodes, ...Object.values(value).flatMap(namedIn)];
}

function nodeOf(column: Json): string[] {
  if (!isMap(column)) return [];
  const { expr, node } = column;
  if (typeof node === "string") return [node];
  return typeof expr === "string" ? [stepsOf(expr)[0] ?? ""] : [];
}

/**
 * The value with its references filled in, in all its texts. One that is the whole of a text keeps its type. What names no
 * stage and no allowed variable stays as it is.
 * @throws Failure task/invalid when a stage has nothing at that place
 */
export function resolve(value: Json, sources: Sources): Json {
  if (typeof value === "string") return resolveText(value, sources);
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => resolve(item, sources));
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, resolve(part, sources)]));
}

function resolveText(text: string, sources: Sources): Json {
  const whole = WHOLE.exec(text)?.[1];
  if (whole !== undefined) return lookUp(whole, sources) ?? text;
  return text.replaceAll(REFERENCE, (given, inner: string) => {
    const found = lookUp(inner, sources);
    return found === undefined ? given : textOf(found);
  });
}

/** A value within a text: texts as they are, others as JSON. */
export function textOf(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function lookUp(inner: string, sources: Sources): Json | undefined {
  if (!inner.includes(".")) return sources.variable(inner);
  const [name = "", ...path] = stepsOf(inner);
  const stored = sources.stage(name);
  if (stored === undefined) return undefined;
  const found = atPath(stored, path);
  if (found !== undefined) return found;
  throw new Failure("task/invalid", `\${${inner}}: ${name} has nothing at ${path.join(".")}`);
}

/** The value at a place of what is stored of a stage; undefined where there is nothing. */
export function atPath(stored: JsonMap, path: readonly string[]): Json | undefined {
  const at = (from: Json | undefined, steps: readonly string[]): Json | undefined =>
    steps.reduce<Json | undefined>((part, step) => ownOf(part, step), from);
  return at(stored, path) ?? at(stored["result"], path);
}

/** The steps of "a.items[0].output". */
export function stepsOf(text: string): string[] {
  return text
    .replaceAll(/\[(\d+)\]/g, ".$1")
    .split(".")
    .filter((step) => step !== "");
}
