import type { Json } from "../../../std/json.ts";
import { isObject } from "../parse-object.ts";
import type { Asked } from "./routing-model.ts";

/** A task as a client submits it. */
export interface SubmittedTask extends Asked {
  readonly type: string;
  readonly payload: Readonly<Record<string, Json>>;
}

/** One thing that is wrong with a request. */
export interface Complaint {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly input: Json;
}

/** What is wrong with a request: answered with 422 and all of it. */
export class Unprocessable extends Error {
  override readonly name = "Unprocessable";
  readonly detail: readonly Complaint[];

  constructor(detail: readonly Complaint[]) {
    super("the request cannot be processed");
    this.detail = detail;
  }
}

const YES = ["true", "t", "yes", "y", "on", "1"];
const NO = ["false", "f", "no", "n", "off", "0"];

/** @throws Unprocessable with all that is wrong */
export function readTask(text: string): SubmittedTask {
  const body = parse(text);
  const complaints: Complaint[] = [];
  const wrong = (name: string, type: string, msg: string): null => {
    complaints.push({ type, loc: ["body", name], msg, input: body[name] ?? null });
    return null;
  };
  const type = body["taskType"];
  if (type === undefined)
    complaints.push({ type: "missing", loc: ["body", "taskType"], msg: "Field required", input: body });
  else if (typeof type !== "string") wrong("taskType", "string_type", "Input should be a valid string");
  const priority = readInteger(body["priority"], "priority", wrong);
  const latency = readInteger(body["latency"], "latency", wrong);
  const cost = body["cost_sensitivity"];
  // A known client sends 0 for what is most urgent, and others send null.
  const isNone = cost === 0 || cost === "0";
  const costSensitivity = cost === null ? 5 : isNone ? 1 : readInteger(cost, "cost_sensitivity", wrong);
  const requiresGpu = readBoolean(body["requiresGPU"], wrong);
  const payload = body["payload"] ?? {};
  if (!isObject(payload)) wrong("payload", "dict_type", "Input should be a valid dictionary");
  if (complaints.length > 0) throw new Unprocessable(complaints);
  return {
    type: String(type),
    priority: priority ?? 5,
    latency: latency ?? 5,
    costSensitivity: costSensitivity ?? 5,
    requiresGpu: requiresGpu ?? false,
    payload: isObject(payload) ? payload : {},
  };
}

function parse(text: string): Readonly<Record<string, Json>> {
  if (text.trim() === "")
    throw new Unprocessable([{ type: "missing", loc: ["body"], msg: "Field required", input: null }]);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    throw new Unprocessable([
      { type: "json_invalid", loc: ["body", 0], msg: "JSON decode error", input: {} },
    ]);
  }
  if (isObject(value)) return value;
  const msg = "Input should be a valid dictionary or object to extract fields from";
  throw new Unprocessable([{ type: "model_attributes_type", loc: ["body"], msg, input: value }]);
}

type Wrong = (name: string, type: string, msg: string) => null;

/** 1 to 10, as a number or as digits; 5 when it is left out. */
function readInteger(value: Json | undefined, name: string, wrong: Wrong): number | null {
  if (value === undefined) return 5;
  if (typeof value === "string" && !/^\s*[+-]?\d+(\.0+)?\s*$/.test(value))
    return wrong(
      name,
      "int_parsing",
      "Input should be a valid integer, unable to parse string as an integer",
    );
  if (!["string", "number", "boolean"].includes(typeof value))
    return wrong(name, "int_type", "Input should be a valid integer");
  const number = Number(value);
  if (!Number.isInteger(number))
    return wrong(
      name,
      "int_from_float",
      "Input should be a valid integer, got a number with a fractional part",
    );
  if (number < 1) return wrong(name, "greater_than_equal", "Input should be greater than or equal to 1");
  if (number > 10) return wrong(name, "less_than_equal", "Input should be less than or equal to 10");
  return number;
}

function readBoolean(value: Json | undefined, wrong: Wrong): boolean | null {
  if (value === undefined) return false;
  if (typeof value === "boolean") return value;
  const word =
    typeof value === "string" || typeof value === "number" ? String(value).toLowerCase().trim() : null;
  if (word === null) return wrong("requiresGPU", "bool_type", "Input should be a valid boolean");
  if (YES.includes(word)) return true;
  if (NO.includes(word)) return false;
  return wrong("requiresGPU", "bool_parsing", "Input should be a valid boolean, unable to interpret input");
}

/** How many of a list are asked for. @throws Unprocessable */
export function readLimit(query: string): number {
  const given = new URLSearchParams(query).get("limit");
  if (given === null) return 100;
  if (!/^\s*[+-]?\d{1,15}\s*$/.test(given)) {
    const msg = "Input should be a valid integer, unable to parse string as an integer";
    throw new Unprocessable([{ type: "int_parsing", loc: ["query", "limit"], msg, input: given }]);
  }
  return Math.min(1_000, Math.max(0, Number(given)));
}
