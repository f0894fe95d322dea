import { parseBytes } from "../std/bytes.ts";
import type { Json } from "../std/json.ts";
import { isMap, type JsonMap, mapOf, valueAt } from "./json-map.ts";

/** A GPU as far as a task asks about it. */
export interface KnownGpu {
  readonly name: string;
  readonly totalBytes: number;
}

/**
 * Why no GPU of this host can serve the task; null = they can.
 * @param gpus those that there are, healthy or not
 */
export function whyNoGpu(spec: JsonMap, gpus: readonly KnownGpu[]): string | null {
  const asked = valueAt(spec, "resources.hardware.gpu");
  if (!isMap(asked)) return null;
  const count = Number(asked["count"]);
  if (count === 0) return null;
  const type = String(asked["type"]);
  const isAny = type.toLowerCase() === "any";
  const bytes = sizeOf(asked["memory"]);
  const fitting = gpus.filter(
    ({ name, totalBytes }) =>
      totalBytes >= bytes && (isAny || name.toLowerCase().includes(type.toLowerCase())),
  );
  if (fitting.length >= count) return null;
  const what = isAny ? "" : ` of type ${type}`;
  const size = bytes === 0 ? "" : ` with ${String(asked["memory"])}`;
  return `it waits for ${count} GPU${count === 1 ? "" : "s"}${what}${size}; this host has ${fitting.length}`;
}

function sizeOf(value: Json | undefined): number {
  if (typeof value === "number") return value;
  return typeof value === "string" ? parseBytes(value) : 0;
}

const MOST_PRIORITY = 100;

/** The tighter the time that a task should be answered in, the higher its priority: 100 from 10 s down, 1 from 1000 s up. */
export function priorityOf(spec: JsonMap): number {
  const seconds = Number(spec["sloSeconds"] ?? Number.NaN);
  if (!(seconds > 0)) return 0;
  return Math.min(MOST_PRIORITY, Math.max(1, Math.round(1000 / seconds)));
}

/** Where a task's result goes. */
export type Destination =
  | { readonly type: "local"; readonly path: string | null }
  | {
      readonly type: "http";
      readonly url: string;
      readonly method: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly timeoutMs: number;
    };

const LONGEST_S = 600;

/** As `output.destination` has it; null path = the folder of results itself. */
export function destinationOf(spec: JsonMap): Destination {
  const given = mapOf(valueAt(spec, "output.destination"));
  const { type, path, url } = given;
  if (type === "http" && typeof url === "string") {
    const headers = Object.entries(mapOf(given["headers"])).map(([name, value]) => [name, String(value)]);
    const seconds = Number(given["timeoutSec"] ?? 15);
    return {
      type: "http",
      url,
      method: typeof given["method"] === "string" ? given["method"].toUpperCase() : "POST",
      headers: Object.fromEntries(headers) as Record<string, string>,
      timeoutMs: Math.min(LONGEST_S, Math.max(0.1, seconds)) * 1000,
    };
  }
  return { type: "local", path: typeof path === "string" && path !== "" ? path : null };
}

/** A file that a task is expected to leave. */
export interface ExpectedFile {
  readonly name: string;
  readonly type: string | null;
  readonly required: boolean;
}

/** `output.artifacts`: names, or maps with `name` or `path`, `type` and `required`. */
export function expectedFiles(spec: JsonMap): ExpectedFile[] {
  const listed = valueAt(spec, "output.artifacts");
  if (!Array.isArray(listed)) return [];
  return (listed as readonly Json[]).flatMap((each) => {
    const { name, path, type, required } = mapOf(each);
    const called = typeof each === "string" ? each : (name ?? path);
    if (typeof called !== "string") return [];
    return [{ name: called, type: typeof type === "string" ? type : null, required: required === true }];
  });
}
