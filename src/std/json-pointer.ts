import type { Json } from "./json.ts";

/** Whether a text is a JSON pointer (RFC 6901): empty for the whole document, else "/" before every step. */
export function isJsonPointer(text: string): boolean {
  return /^(?:\/(?:[^/~]|~[01])*)*$/.test(text);
}

/**
 * What a JSON pointer leads to, undefined where nothing is there.
 * @param pointer one that isJsonPointer accepts
 */
export function readPointer(document: Json, pointer: string): Json | undefined {
  let value: Json | undefined = document;
  for (const step of stepsOf(pointer)) {
    value = stepInto(value, step);
    if (value === undefined) return undefined;
  }
  return value;
}

/** The keys and indexes that a JSON pointer goes through. */
export function stepsOf(pointer: string): string[] {
  // In this order, by section 4 of the RFC: "~01" is "~1", not "/".
  const plain = (step: string): string => step.replaceAll("~1", "/").replaceAll("~0", "~");
  return pointer.split("/").slice(1).map(plain);
}

function stepInto(value: Json | undefined, step: string): Json | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (isList(value)) return /^(?:0|[1-9]\d*)$/.test(step) ? value[Number(step)] : undefined;
  return Object.hasOwn(value, step) ? value[step] : undefined;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
