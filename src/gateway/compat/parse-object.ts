import type { Json } from "../../std/json.ts";

/** The object that a body is; null for all else. */
export function parseObject(body: Buffer | string): Record<string, Json> | null {
  try {
    const value = JSON.parse(body.toString()) as Json;
    return isObject(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

/** Whether it is a map. */
export function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
