import type { Json } from "../std/json.ts";
import { isMap, type JsonMap, mapOf } from "./json-map.ts";

/**
 * The parts of a spec whose dataset may be worked on side by side: as even as can be, in order.
 * @returns the spec alone unless `parallel` is on and its data is a list of items
 */
export function shardsOf(spec: JsonMap): JsonMap[] {
  const { enabled, max_shards: most } = mapOf(spec["parallel"]);
  const data = mapOf(spec["data"]);
  const items = data["items"];
  const isOn = enabled === true || enabled === "true";
  if (!isOn || !Array.isArray(items) || items.length < 2) return [spec];
  const list = items as readonly Json[];
  const count = Math.min(list.length, Math.max(1, Math.floor(Number(most ?? 2))));
  return Array.from({ length: count }, (_, at) => {
    const from = Math.floor((at * list.length) / count);
    const to = Math.floor(((at + 1) * list.length) / count);
    return { ...spec, data: { ...data, items: list.slice(from, to) } };
  });
}

/** The results of shards as one: items in order and counted through, sums of usage, the rest as the first has it. */
export function mergeShards(results: readonly Json[]): Json {
  const [first, ...others] = results;
  if (first === undefined || others.length === 0 || !isMap(first)) return first ?? null;
  const parts = results.map(mapOf);
  const items = parts.flatMap(({ items: some }) => (Array.isArray(some) ? (some as readonly Json[]) : []));
  const counted = items.map((item, index) => (isMap(item) && "index" in item ? { ...item, index } : item));
  const usages = parts.map(({ usage }) => mapOf(usage));
  const names = [...new Set(usages.flatMap((usage) => Object.keys(usage)))];
  const usage = Object.fromEntries(names.map((name) => [name, total(name, usages)]));
  return {
    ...first,
    ...("items" in first ? { items: counted } : {}),
    ...("usage" in first ? { usage } : {}),
    ...("ok" in first ? { ok: parts.every(({ ok }) => ok === true) } : {}),
  };
}

/** Shards run side by side: their times are not added up. */
function total(name: string, usages: readonly JsonMap[]): Json {
  const numbers = usages.map((usage) => usage[name]).filter((value) => typeof value === "number");
  if (numbers.length === 0) return usages[0]?.[name] ?? null;
  return /latency|seconds|_sec$/.test(name)
    ? Math.max(...numbers)
    : numbers.reduce((sum, value) => sum + value, 0);
}
