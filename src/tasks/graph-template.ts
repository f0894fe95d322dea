import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import { isMap, type JsonMap, mapOf } from "./json-map.ts";
import { atPath, type Sources, stepsOf, textOf } from "./references.ts";

interface Column {
  readonly label: string;
  readonly value: string;
}

/**
 * The spec with a `data` of type graph_template rendered to one text, which then is its only item. Other specs stay as they are.
 * @throws Failure task/invalid for an unknown template, or a column without a value
 */
export function withRendered(spec: JsonMap, sources: Sources): JsonMap {
  const data = mapOf(spec["data"]);
  if (data["type"] !== "graph_template") return spec;
  return { ...spec, data: { ...data, items: [render(data, sources)] } };
}

function render(data: JsonMap, sources: Sources): string {
  const given = data["template"];
  const template = mapOf(given);
  const columns = listOf(template["columns"] ?? data["columns"]).map((each, at) =>
    columnOf(each, at, sources),
  );
  const text = template["text"];
  if (typeof text === "string") return fill(text, columns);
  const name =
    typeof given === "string" ? given : (template["name"] ?? template["type"] ?? "two_column_briefing");
  if (name !== "two_column_briefing") throw invalid(`there is no template ${textOf(name)}`);
  const options = mapOf(template["options"] ?? data["options"]);
  return [
    ...linesOf(options["intro"]),
    ...columns.map(({ label, value }) => `• ${label}: ${value}`),
    ...linesOf(options["closing"]),
  ].join("\n");
}

/** `{col0_label}` and `{col0_value}`, counted from 0. */
function fill(text: string, columns: readonly Column[]): string {
  return text.replaceAll(/\{col(\d{1,4})_(label|value)\}/g, (asked, at: string, part: string) => {
    const column = columns[Number(at)];
    if (column === undefined) throw invalid(`${asked} has no column`);
    return part === "label" ? column.label : column.value;
  });
}

function columnOf(given: Json, at: number, sources: Sources): Column {
  const { label, expr, node, path, default: other } = mapOf(given);
  const steps =
    typeof node === "string"
      ? [node, ...stepsOf(typeof path === "string" ? path : "result")]
      : stepsOf(typeof expr === "string" ? expr : "");
  const [name = "", ...rest] = steps;
  const stored = sources.stage(name);
  const found = (stored === undefined ? undefined : atPath(stored, rest)) ?? other;
  if (found === undefined)
    throw invalid(`column ${at}: there is nothing at ${steps.join(".") || "its place"}`);
  return { label: label === undefined ? `column ${at}` : textOf(label), value: textOf(found) };
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : isMap(value) ? Object.values(value) : [];
}

function linesOf(value: Json | undefined): string[] {
  if (value === undefined || value === null) return [];
  return (Array.isArray(value) ? (value as readonly Json[]) : [value]).map(textOf);
}

function invalid(why: string): Failure {
  return new Failure("task/invalid", `Invalid field data.template: ${why}`);
}
