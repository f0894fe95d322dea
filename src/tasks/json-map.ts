import type { Json } from "../std/json.ts";

export type JsonMap = Readonly<Record<string, Json>>;

/** Whether a value is an object with names, not a list. */
export function isMap(value: Json | undefined): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value if it is a map, else an empty one. */
export function mapOf(value: Json | undefined): JsonMap {
  return isMap(value) ? value : {};
}

/** What a document has at a place such as "resources.hardware.cpu"; undefined where it has nothing. */
export function valueAt(value: Json | undefined, path: string): Json | undefined {
  return path.split(".").reduce<Json | undefined>((part, name) => ownOf(part, name), value);
}

/** One step into a value: the name of a map, the index of a list; undefined where there is nothing of its own. */
export function ownOf(value: Json | undefined, name: string): Json | undefined {
  if (Array.isArray(value))
    return /^\d{1,9}$/.test(name) ? (value as readonly Json[])[Number(name)] : undefined;
  return isMap(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The first map overlaid by the second: maps go into each other, everything else is replaced. */
export function overlay(under: JsonMap, over: JsonMap): JsonMap {
  const own = Object.entries(over).map(([name, value]) => {
    const below = ownOf(under, name);
    return [name, isMap(below) && isMap(value) ? overlay(below, value) : value] as const;
  });
  return { ...under, ...Object.fromEntries(own) };
}
