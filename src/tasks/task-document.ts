import { readYaml, YamlSyntaxProblem } from "../runtime/read-yaml.ts";
import { parseBytes } from "../std/bytes.ts";
import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import { isMap, type JsonMap, mapOf, overlay, ownOf, valueAt } from "./json-map.ts";
import { membersOf } from "./task-graph.ts";

/** One task of a document: the whole, or a stage or node of it. */
export interface PlannedTask {
  /** "outer" or "outer:stage". */
  readonly name: string;
  /** The name of the stage or node; null = the document is one task. */
  readonly node: string | null;
  readonly type: string;
  /** The document with the spec that holds for this task. */
  readonly document: JsonMap;
  /** Names of stages or nodes of the same document that come first. */
  readonly after: readonly string[];
}

/** Documents of people are a few kilobytes; lists of prompts are longer. */
export const MOST_DOCUMENT_BYTES = 2 ** 20;
const MOST_ALIASES = 100;
const MOST_TASKS = 1_000;
const TASK_TYPE = /^[a-z][a-z0-9_-]{0,63}$/;
const NEEDED = ["taskType", "resources.replicas", "resources.hardware.cpu", "resources.hardware.memory"];

/**
 * Reads a task document: YAML, with one task, stages or a graph of tasks.
 * @returns its tasks, each after those it waits for
 * @throws Failure task/invalid with what is wrong
 */
export function planDocument(text: string): PlannedTask[] {
  if (text.trim() === "") throw invalid("Request body is required");
  if (Buffer.byteLength(text) > MOST_DOCUMENT_BYTES)
    throw invalid(`Invalid YAML: more than ${MOST_DOCUMENT_BYTES} bytes`);
  const document = parse(text);
  const head = ["apiVersion", "kind", "metadata.name"];
  for (const path of head) if (isMissing(valueAt(document, path))) throw missing(path);
  const name = String(valueAt(document, "metadata.name"));
  if (!isMap(document["spec"])) throw missing("spec.taskType");
  const { stages, graph, ...outer } = document["spec"];
  const members = membersOf(stages, graph);
  if (members === null) return [planned({ name, node: null, after: [], path: "spec" }, document, outer)];
  if (members.length > MOST_TASKS) throw invalid(`Invalid field spec: more than ${MOST_TASKS} tasks`);
  return members.map(({ node, after, spec, path }) =>
    planned({ name: `${name}:${node}`, node, after, path }, document, overlay(outer, spec)),
  );
}

/** A document that is refused. */
export function invalid(message: string): Failure {
  return new Failure("task/invalid", message, { hint: "docs/tasks.md says what a task document holds" });
}

function missing(path: string): Failure {
  return invalid(`Missing required field: ${path}`);
}

function parse(text: string): JsonMap {
  try {
    const { value } = readYaml(text, MOST_ALIASES);
    const plain = JSON.parse(JSON.stringify(value ?? null)) as Json;
    if (isMap(plain)) return plain;
  } catch (error) {
    if (error instanceof YamlSyntaxProblem)
      throw invalid(`Invalid YAML: ${error.message} (line ${error.line}, column ${error.col})`);
    // The YAML library throws plain errors at documents that blow up.
    if (error instanceof Error && !(error instanceof Failure))
      throw invalid(`Invalid YAML: ${error.message}`);
    throw error;
  }
  throw invalid("Invalid YAML: a task document is a map");
}

interface Place extends Pick<PlannedTask, "name" | "node" | "after"> {
  /** Where its own spec stands, for messages. */
  readonly path: string;
}

function planned({ path, ...place }: Place, document: JsonMap, spec: JsonMap): PlannedTask {
  for (const field of NEEDED) if (isMissing(valueAt(spec, field))) throw missing(`${path}.${field}`);
  const type = spec["taskType"];
  if (typeof type !== "string" || !TASK_TYPE.test(type))
    throw invalid(`Invalid field ${path}.taskType: expected a name such as inference`);
  checkHardware(mapOf(valueAt(spec, "resources.hardware")), `${path}.resources.hardware`);
  checkNumbers(spec, path);
  const metadata = { ...mapOf(document["metadata"]), name: place.name };
  return { ...place, type, document: { ...document, metadata, spec } };
}

function checkHardware(hardware: JsonMap, path: string): void {
  if (!isAmount(hardware["cpu"])) throw invalid(`Invalid field ${path}.cpu: expected a number of cores`);
  if (!isSize(hardware["memory"])) throw invalid(`Invalid field ${path}.memory: expected a size like 32Gi`);
  const gpu = hardware["gpu"];
  if (gpu === undefined || gpu === null) return;
  if (!isMap(gpu)) throw missing(`${path}.gpu.count`);
  for (const name of ["count", "type"]) if (isMissing(ownOf(gpu, name))) throw missing(`${path}.gpu.${name}`);
  const count = Number(gpu["count"]);
  if (!Number.isInteger(count) || count < 0 || count > 64)
    throw invalid(`Invalid field ${path}.gpu.count: expected a whole number`);
  if (typeof gpu["type"] !== "string" && typeof gpu["type"] !== "number")
    throw invalid(`Invalid field ${path}.gpu.type: expected any, or a part of the GPU's name`);
  if (!isMissing(gpu["memory"]) && !isSize(gpu["memory"]))
    throw invalid(`Invalid field ${path}.gpu.memory: expected a size like 24Gi`);
}

function checkNumbers(spec: JsonMap, path: string): void {
  const places: [string, number, number][] = [
    ["resources.replicas", 1, 1_000],
    ["resources.estimatedLoad", 0, 1_000_000_000],
    ["parallel.max_shards", 1, 1_000],
    ["sloSeconds", 0.001, 31_536_000],
    ["output.destination.timeoutSec", 0.1, 600],
  ];
  for (const [place, least, most] of places) {
    const value = valueAt(spec, place);
    if (isMissing(value)) continue;
    const number = Number(value);
    if (typeof value === "object" || typeof value === "boolean" || !(number >= least && number <= most))
      throw invalid(`Invalid field ${path}.${place}: expected a number from ${least} to ${most}`);
  }
}

function isMissing(value: Json | undefined): boolean {
  return value === undefined || value === null || value === "";
}

function isAmount(value: Json | undefined): boolean {
  return (typeof value === "number" || typeof value === "string") && Number(value) > 0;
}

function isSize(value: Json | undefined): boolean {
  if (typeof value === "number") return value > 0;
  if (typeof value !== "string") return false;
  try {
    return parseBytes(value) > 0;
  } catch {
    return false;
  }
}
