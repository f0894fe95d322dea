import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { ParamView, RuntimeView } from "../../protocol/views.ts";
import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";

type Params = Record<string, Json>;

/** As runtimes may name their params; `__proto__` and the like would get lost on their way. */
const PARAM_NAME = /^[A-Za-z][A-Za-z0-9_-]*$/;

/** The value of a parameter as typed, as the type the runtime declares. Ranges are left to the daemon. */
export function paramValue(param: ParamView, text: string): Json {
  switch (param.type) {
    case "string":
    case "file":
      return choiceOf(param, text);
    case "integer":
    case "number": {
      const value = text.trim() === "" ? Number.NaN : Number(text);
      const fits = param.type === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value);
      if (!fits) throw invalid(param, text);
      return value;
    }
    case "boolean": {
      const word = text.toLowerCase();
      if (["true", "yes", "on", "1"].includes(word)) return true;
      if (["false", "no", "off", "0"].includes(word)) return false;
      throw invalid(param, text);
    }
  }
}

/** Reads `name=value` pairs; names the runtime does not know go along as text, for the daemon to judge. */
export function paramsFromPairs(runtime: RuntimeView, pairs: readonly string[]): Params {
  const params: Params = {};
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at < 1) {
      throw new Failure("usage/invalid", `--param ${pair}: a value is missing`, {
        hint: "--param name=value",
      });
    }
    const name = pair.slice(0, at);
    if (!PARAM_NAME.test(name)) {
      throw new Failure("usage/invalid", `--param ${pair}: "${name}" is no name of a param`, {
        hint: `orch runtimes show ${runtime.name}`,
      });
    }
    const text = pair.slice(at + 1);
    const param = runtime.params.find((candidate) => candidate.name === name);
    params[name] = param === undefined ? text : paramValue(param, text);
  }
  return params;
}

/** A JSON object of parameters, as from `--params file.json`. @throws Failure param/invalid */
export function paramsFromJson(text: string, source: string): Params {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Failure("param/invalid", `${source} is not JSON`, {
      why: error instanceof Error ? error.message : "",
    });
  }
  if (isObject(value)) return value;
  throw new Failure("param/invalid", `${source} is not a JSON object`, {
    hint: 'write it like {"prompt": "a fox"}',
  });
}

/**
 * File parameters made absolute against the caller's folder, as the daemon runs elsewhere. URLs stay as they
 * are, `-` becomes what `spool` gives for stdin.
 * @throws Failure file/missing, naming the parameter
 */
export async function resolveFiles(
  runtime: RuntimeView,
  params: Params,
  from: { cwd: string; spool: () => Promise<string> },
): Promise<Params> {
  const resolved: Params = { ...params };
  for (const param of runtime.params) {
    const value = resolved[param.name];
    if (param.type !== "file" || typeof value !== "string" || /^[a-z][a-z0-9+.-]*:\/\//i.test(value))
      continue;
    resolved[param.name] =
      value === "-" ? await from.spool() : existingFile(param.name, resolve(from.cwd, value));
  }
  return resolved;
}

/** "integer, 256 to 2048, multiple of 8; default 1024" */
export function paramHelp(param: ParamView): string {
  const range =
    param.min !== undefined && param.max !== undefined
      ? `${param.min} to ${param.max}`
      : param.min !== undefined
        ? `at least ${param.min}`
        : param.max !== undefined
          ? `at most ${param.max}`
          : undefined;
  const facts = [
    param.type === "file" ? "file: path, URL or -" : param.type,
    range,
    param.multipleOf === undefined ? undefined : `multiple of ${param.multipleOf}`,
    param.choices === undefined ? undefined : `one of ${param.choices.join(", ")}`,
    param.accept.length === 0 ? undefined : param.accept.join(", "),
    param.required ? "required" : undefined,
    param.default === undefined || param.default === null
      ? undefined
      : `default ${JSON.stringify(param.default)}`,
    param.load ? "needs a worker of its own" : undefined,
  ];
  const tail = `(${facts.filter((fact) => fact !== undefined).join("; ")})`;
  return param.help === "" ? tail : `${param.help} ${tail}`;
}

function choiceOf(param: ParamView, text: string): string {
  if (param.choices === undefined || param.choices.some((choice) => String(choice) === text)) return text;
  throw invalid(param, text);
}

function invalid(param: ParamView, text: string): Failure {
  return new Failure("param/invalid", `${param.name} cannot be "${text}"`, {
    why: `it is ${paramHelp(param)}`,
  });
}

function existingFile(name: string, path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() === true) return path;
  const why = stats === undefined ? "there is no such file" : "it is not a regular file";
  throw new Failure("file/missing", `${name}: ${path}`, { why });
}

function isObject(value: unknown): value is Params {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
