import type { Json } from "../std/json.ts";
import type { Param } from "./runtime.ts";

/** A value that fits its param, or a sentence that says what is allowed. */
export type CheckedValue =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly why: string };

/** Longer text belongs in a file: params are stored with the job and cross several processes. */
export const maxStringBytes = 2 ** 20;

/** As deep as the daemon takes the bodies of requests. */
const maxJsonDepth = 64;

const integerText = /^[+-]?\d+$/;
const numberText = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * Checks one value against its param: type, range, step, choices. Text that is cleanly a number or true/false is
 * taken for one, since command-line flags arrive as text. For `file` params only that it is text; whether the file
 * is there is checked in check-file.ts.
 */
export function checkValue(param: Param, given: Json): CheckedValue {
  const typed = readType(param, given);
  if (!typed.ok) return typed;
  const outside = rangeProblem(param, typed.value);
  if (outside !== null) return { ok: false, why: outside };
  if (param.choices && !param.choices.some((choice) => choice === typed.value)) {
    return { ok: false, why: `must be one of ${param.choices.join(", ")}` };
  }
  return typed;
}

function readType(param: Param, given: Json): CheckedValue {
  switch (param.type) {
    case "string":
    case "file":
      return readText(given);
    case "boolean":
      return readBoolean(given);
    case "integer":
      return readNumber(given, integerText, Number.isSafeInteger, "must be a whole number");
    case "number":
      return readNumber(given, numberText, Number.isFinite, "must be a number");
    case "json":
      return readStructure(given);
  }
}

function readText(given: Json): CheckedValue {
  if (typeof given !== "string") return { ok: false, why: "must be text" };
  // A NUL ends a string in argv, in paths and in environments.
  if (given.includes("\0")) return { ok: false, why: "must not hold a NUL character" };
  if (Buffer.byteLength(given) > maxStringBytes)
    return { ok: false, why: "must be at most 1 MiB of text; pass a file" };
  return { ok: true, value: given };
}

function readBoolean(given: Json): CheckedValue {
  if (typeof given === "boolean") return { ok: true, value: given };
  if (given === "true" || given === "false") return { ok: true, value: given === "true" };
  return { ok: false, why: "must be true or false" };
}

function readNumber(
  given: Json,
  text: RegExp,
  accepts: (value: number) => boolean,
  why: string,
): CheckedValue {
  const isNumeric = typeof given === "number" || (typeof given === "string" && text.test(given));
  const value = isNumeric ? Number(given) : Number.NaN;
  if (!accepts(value)) return { ok: false, why };
  return { ok: true, value: value === 0 ? 0 : value };
}

/** A list or a map; text is taken for the JSON of one. */
function readStructure(given: Json): CheckedValue {
  const value = typeof given === "string" ? parseOrNull(given) : given;
  if (typeof value !== "object" || value === null) return { ok: false, why: "must be a JSON list or map" };
  if (isDeeper(value, maxJsonDepth))
    return { ok: false, why: `must be nested at most ${maxJsonDepth} levels deep` };
  if (Buffer.byteLength(JSON.stringify(value)) > maxStringBytes)
    return { ok: false, why: "must be at most 1 MiB of JSON; pass a file" };
  return { ok: true, value };
}

function parseOrNull(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return null;
  }
}

function isDeeper(value: Json, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((inner: Json) => isDeeper(inner, levels - 1));
}

function rangeProblem(param: Param, value: Json): string | null {
  if (typeof value !== "number") return null;
  const { min, max, multipleOf } = param;
  const isBelow = min !== undefined && value < min;
  const isAbove = max !== undefined && value > max;
  if (isBelow || isAbove) {
    if (min === undefined) return `must be at most ${max}`;
    return max === undefined ? `must be at least ${min}` : `must be between ${min} and ${max}`;
  }
  if (multipleOf !== undefined && !isMultiple(value, multipleOf))
    return `must be a multiple of ${multipleOf}`;
  return null;
}

/** 0.3 is a multiple of 0.1 for people, though 0.3 / 0.1 is 2.9999999999999996 in binary. */
function isMultiple(value: number, step: number): boolean {
  if (Number.isInteger(value) && Number.isInteger(step)) return value % step === 0;
  const ratio = value / step;
  return Math.abs(ratio - Math.round(ratio)) <= 1e-9 * Math.max(1, Math.abs(ratio));
}
