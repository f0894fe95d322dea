import type { Json } from "../std/json.ts";
import { suggest } from "../std/suggest.ts";
import { checkValue } from "./check-value.ts";
import type { Problem } from "./read-yaml.ts";
import type { Param } from "./runtime.ts";
import type { RuntimeFields } from "./schema.ts";

/** Finds what is wrong with the warm-up job of a runtime: it is checked like any job's params, but once and for all. */
export function checkWarmUp(
  { warmUp, protocol }: RuntimeFields,
  params: Readonly<Record<string, Param>>,
): Problem[] {
  if (warmUp === null) return [];
  if (protocol === "exec")
    return [problem(["warmUp"], "programs of protocol exec run one job each: there is nothing to warm up")];
  if (protocol !== "orch") return [problem(["warmUp"], `of protocol ${protocol} it belongs under server`)];
  const given = Object.entries(warmUp).flatMap(([name, value]) => {
    const why = whyNot(name, value, params);
    return why === null ? [] : [problem(["warmUp", name], why)];
  });
  return [...given, ...missing(warmUp, params)];
}

function whyNot(name: string, value: Json, params: Readonly<Record<string, Param>>): string | null {
  const param = Object.hasOwn(params, name) ? params[name] : undefined;
  if (param === undefined) {
    const near = suggest(name, Object.keys(params));
    return `no param "${name}"${near === undefined ? "" : `; did you mean "${near}"?`}`;
  }
  if (param.load) return `"${name}" is a load param: it is what the worker was started with`;
  if (param.type === "file") return `"${name}" is a file; give a warm-up that needs none`;
  const checked = checkValue(param, value);
  return checked.ok ? null : checked.why;
}

function missing(given: object, params: Readonly<Record<string, Param>>): Problem[] {
  const names = Object.entries(params).filter(
    ([name, param]) =>
      param.required && !param.load && param.default === undefined && !Object.hasOwn(given, name),
  );
  return names.map(([name]) => problem(["warmUp"], `param "${name}" is required, and the warm-up lacks it`));
}

function problem(path: Problem["path"], why: string): Problem {
  return { path, at: "value", why };
}
