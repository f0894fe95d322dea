import { randomInt } from "node:crypto";
import type { Json } from "../../../std/json.ts";
import type { Parameter } from "./known-apps.ts";

type Values = Readonly<Record<string, Json>>;

/** What an app is to be run with, or what it would have said was wrong. */
export type Converted =
  | { readonly ok: true; readonly values: Record<string, Json> }
  | { readonly ok: false; readonly error: string };

/** Seeds that every framework takes. */
const MOST_SEED = 2 ** 31;

/**
 * The parameters of a job with their types, as its app would have read them: values travel as text, numbers and true/false
 * are welcome. What the app does not know is not looked at.
 */
export function convertParams(parameters: readonly Parameter[], given: Values): Converted {
  const values: Record<string, Json> = {};
  for (const parameter of parameters) {
    const raw = Object.hasOwn(given, parameter.name) ? (given[parameter.name] ?? null) : null;
    if (raw === null || (raw === "" && parameter.type !== "string")) {
      if (parameter.required) return { ok: false, error: `missing required parameter: ${parameter.name}` };
      if (parameter.default !== null) values[parameter.name] = parameter.default;
      continue;
    }
    if (raw === "" && parameter.required)
      return { ok: false, error: `missing required parameter: ${parameter.name}` };
    const read = readValue(parameter, raw);
    if ("error" in read) return { ok: false, error: read.error };
    values[parameter.name] = read.value;
  }
  if (values["seed"] === -1) values["seed"] = randomInt(MOST_SEED);
  return { ok: true, values };
}

type Read = { readonly value: Json } | { readonly error: string };

function readValue(parameter: Parameter, raw: Json): Read {
  const { type, name, min, max } = parameter;
  if (type === "string") return { value: typeof raw === "object" ? JSON.stringify(raw) : String(raw) };
  const number = type === "integer" ? pythonInt(raw) : pythonFloat(raw);
  if (typeof number === "string") return { error: number };
  if ((min !== undefined && number < min) || (max !== undefined && number > max))
    return { error: `${name} must be between ${min ?? "any"} and ${max ?? "any"}, got ${number}` };
  return { value: number };
}

/** As int() of Python reads a text; a number with a fraction would be a text with a point there. */
function pythonInt(raw: Json): number | string {
  const text = pythonText(raw);
  const digits = text.trim();
  const number = Number(digits.replaceAll("_", ""));
  if (/^[+-]?\d+(_\d+)*$/.test(digits) && Number.isSafeInteger(number)) return number;
  return `invalid literal for int() with base 10: ${quoted(text)}`;
}

function pythonFloat(raw: Json): number | string {
  const text = pythonText(raw);
  const digits = text.trim().replaceAll("_", "");
  const number = Number(digits);
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(digits) && Number.isFinite(number)) return number;
  return `could not convert string to float: ${quoted(text)}`;
}

function pythonText(raw: Json): string {
  if (typeof raw === "boolean") return raw ? "True" : "False";
  return typeof raw === "object" ? JSON.stringify(raw) : String(raw);
}

/** As repr() of Python writes a text. */
function quoted(text: string): string {
  const short = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return short.includes("'") && !short.includes('"') ? `"${short}"` : `'${short.replaceAll("'", "\\'")}'`;
}

/** Width and height of a text like 576x1024 or 576×1024; one that cannot be read is 1024x1024. */
export function readResolution(text: Json | undefined): { readonly width: number; readonly height: number } {
  const [, width, height] = /^\s*(\d{2,4})\s*[x×]\s*(\d{2,4})\s*$/i.exec(String(text ?? "")) ?? [];
  return width === undefined
    ? { width: 1024, height: 1024 }
    : { width: Number(width), height: Number(height) };
}
