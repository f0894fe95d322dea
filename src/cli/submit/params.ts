import { readFileSync, statSync } from "node:fs";
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
    case "json":
      // What is in a file is read once it is known where: see resolveFiles.
      return text.startsWith("@") ? text : structureOf(param, text);
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

/** The object of parameters in a file for `--params`: JSON, or YAML by its name or its first character. @throws Failure param/invalid */
export async function paramsFromText(text: string, source: string): Promise<Params> {
  const isYaml = source === "-" ? !/^\s*[{[]/.test(text) : /\.ya?ml$/i.test(source);
  const value = isYaml
    ? await (await import("../text/yaml-text.ts")).readYaml(text, source)
    : parseJson(text, source);
  if (isObject(value)) return value;
  throw new Failure("param/invalid", `${source} is not ${isYaml ? "a list of params" : "a JSON object"}`, {
    hint: isYaml ? "write a line for each, like prompt: a fox" : 'write it like {"prompt": "a fox"}',
  });
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Failure("param/invalid", `${source} is not JSON`, {
      why: error instanceof Error ? error.message : "",
    });
  }
}

/** Where the files of params come from. */
export interface FileSource {
  readonly cwd: string;
  /** Path of a file with what comes on stdin. */
  readonly spool: () => Promise<string>;
  /** What takes the place of an address: the path of what was fetched, or the address itself. */
  readonly fetch: (address: string) => Promise<string>;
}

/**
 * File parameters as paths, absolute since the daemon runs elsewhere. `-` becomes what `spool` gives for stdin, an address
 * what `fetch` gives.
 * @throws Failure file/missing, naming the parameter, and what these two throw
 */
export async function resolveFiles(runtime: RuntimeView, params: Params, from: FileSource): Promise<Params> {
  const resolved: Params = { ...params };
  for (const param of runtime.params) {
    const value = resolved[param.name];
    if (typeof value !== "string") continue;
    if (param.type === "json" && value.startsWith("@"))
      resolved[param.name] = structureIn(param, resolve(from.cwd, value.slice(1)));
    if (param.type !== "file") continue;
    if (value === "-") resolved[param.name] = await from.spool();
    else if (isAddress(value)) resolved[param.name] = await fetched(param.name, value, from);
    else resolved[param.name] = existingFile(param.name, resolve(from.cwd, value));
  }
  return resolved;
}

/** Whether a value of a `file` param names a protocol, as `https://…` does. */
export function isAddress(value: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(value);
}

async function fetched(name: string, address: string, from: FileSource): Promise<string> {
  try {
    return await from.fetch(address);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(error.code, `${name}: ${error.message}`, { why: error.why, hint: error.hint });
  }
}

/** Types that their name alone does not explain. */
const KINDS: Partial<Record<ParamView["type"], string>> = {
  file: "file: path, URL or -",
  json: "JSON list or map, or @FILE with one",
};

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
    KINDS[param.type] ?? param.type,
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

function structureIn(param: ParamView, file: string): Json {
  return structureOf(param, readFileSync(existingFile(param.name, file), "utf8"), file);
}

/** @param source a file that the text is from; none = it was typed */
function structureOf(param: ParamView, text: string, source?: string): Json {
  const where = source === undefined ? param.name : `${param.name}: ${source}`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Failure("param/invalid", `${where} is not JSON`, {
      why: error instanceof Error ? error.message : "",
      hint: `--param ${param.name}='{"key": 1}', or ${param.name}=@file.json`,
    });
  }
  if (typeof value === "object" && value !== null) return value as Json;
  throw new Failure("param/invalid", `${where} is neither a JSON list nor a map`, {
    why: `it is ${paramHelp(param)}`,
  });
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
