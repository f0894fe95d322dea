import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import { isMap, type JsonMap, mapOf, ownOf, valueAt } from "./json-map.ts";

/** A file of lines that a task asked for. */
export interface JsonlExport {
  readonly name: string;
  readonly text: string;
}

/**
 * The items of a result as JSON lines, as `postprocess.jsonl_export` asks for them; null = it does not.
 * @throws Failure task/invalid when an item lacks a field that is required
 */
export function jsonlExport(spec: JsonMap, result: Json): JsonlExport | null {
  const asked = valueAt(spec, "postprocess.jsonl_export");
  if (!isMap(asked)) return null;
  const { path, fields, required_fields: required } = asked;
  const items = ownOf(result, "items");
  const list = Array.isArray(items) ? (items as readonly Json[]).map(mapOf) : [];
  for (const [index, item] of list.entries()) {
    const missing = namesOf(required).find((name) => valueAt(item, name) === undefined);
    if (missing !== undefined)
      throw new Failure("task/invalid", `postprocess.jsonl_export: item ${index} has no ${missing}`);
  }
  const names = namesOf(fields);
  const lines = list.map((item) =>
    JSON.stringify(
      names.length === 0
        ? item
        : Object.fromEntries(names.map((name) => [name, valueAt(item, name) ?? null])),
    ),
  );
  const name = typeof path === "string" ? (path.split("/").at(-1) ?? "") : "";
  return { name: name === "" ? "export.jsonl" : name, text: lines.map((line) => `${line}\n`).join("") };
}

function namesOf(value: Json | undefined): string[] {
  if (Array.isArray(value)) return (value as readonly Json[]).map(String);
  // A map of fields: its keys are what is written.
  return isMap(value) ? Object.keys(value) : [];
}
