import type { Param, Runtime } from "../runtime/runtime.ts";
import { Failure } from "../std/failure.ts";
import type { Json } from "../std/json.ts";
import { modelOf, modelParams } from "./choose-runtime.ts";
import { isMap, type JsonMap, mapOf } from "./json-map.ts";
import { textOf } from "./references.ts";

/** One thing to be answered. */
export interface Item {
  readonly prompt: string;
  /** A chat, where the item is one. */
  readonly messages: readonly Json[] | null;
  readonly metadata: Json;
}

/** As many as a batch of jobs takes. */
export const MOST_ITEMS = 10_000;

/**
 * What an inference task is to answer: the items of its `data`, or `inference.prompts`.
 * @throws Failure task/invalid when there are none
 */
export function itemsOf(spec: JsonMap): Item[] {
  const data = spec["data"];
  const { prompts, prompt } = mapOf(spec["inference"]);
  const { items, prompts: listed } = mapOf(data);
  const given = Array.isArray(data) ? data : (items ?? listed ?? prompts ?? prompt);
  const list = typeof given === "string" ? [given] : given;
  if (!Array.isArray(list)) {
    const type = mapOf(data)["type"];
    throw invalid(
      type === undefined || type === "list"
        ? "Missing required field: spec.data.items"
        : `Invalid field spec.data.type: ${textOf(type)} is for a runtime that takes tasks whole (a param named task)`,
    );
  }
  if (list.length > MOST_ITEMS) throw invalid(`Invalid field spec.data.items: more than ${MOST_ITEMS}`);
  return (list as readonly Json[]).map(itemOf);
}

function itemOf(given: Json): Item {
  if (Array.isArray(given))
    return { prompt: chatText(given), messages: given as readonly Json[], metadata: null };
  if (!isMap(given)) return { prompt: textOf(given), messages: null, metadata: null };
  const { messages, metadata = null } = given;
  if (Array.isArray(messages)) return { ...itemOf(messages as Json), metadata };
  const text = given["prompt"] ?? given["text"] ?? given["input"] ?? given["question"];
  return { prompt: textOf(text ?? given), messages: null, metadata };
}

function chatText(messages: readonly Json[]): string {
  return messages.map((message) => textOf(mapOf(message)["content"] ?? message)).join("\n");
}

/** Other names that runtimes have for what a task sets, and what holds where it sets nothing. */
const settings: readonly { readonly names: readonly string[]; readonly usual?: Json }[] = [
  { names: ["max_tokens", "max_new_tokens", "max_completion_tokens", "length"], usual: 512 },
  { names: ["temperature"], usual: 0.7 },
  { names: ["top_p"], usual: 0.95 },
  { names: ["top_k"] },
  { names: ["presence_penalty"] },
  { names: ["frequency_penalty"] },
  { names: ["repetition_penalty"] },
  { names: ["stop"] },
  { names: ["seed"] },
];

/** The params of the job that answers one item; only such as the runtime declares. */
export function itemParams(
  runtime: Pick<Runtime, "name" | "params" | "aliases">,
  spec: JsonMap,
  item: Item,
): Record<string, Json> {
  const { params } = runtime;
  const asked = mapOf(spec["inference"]);
  const system = asked["system_prompt"] ?? asked["system"];
  const made: Record<string, Json> = {};
  const put = (names: readonly string[], value: Json | undefined): boolean => {
    const name = names.find((each) => params[each] !== undefined);
    if (name === undefined || value === undefined || value === null) return false;
    made[name] = value;
    return true;
  };
  const takesSystem = put(["system", "system_prompt"], system);
  const before = takesSystem || system === undefined || system === null ? "" : `${textOf(system)}\n\n`;
  if (item.messages === null || !put(["messages"], item.messages))
    put(["prompt", "text", "input"], `${before}${item.prompt}`);
  Object.assign(made, modelParams(runtime, modelOf(spec)));
  for (const { names, usual } of settings) {
    const given = names.map((name) => asked[name]).find((value) => value !== undefined && value !== null);
    const name = names.find((each) => params[each] !== undefined);
    const fits = name !== undefined && usual !== undefined && takes(params[name], usual);
    put(names, given ?? (fits ? usual : undefined));
  }
  return made;
}

function takes(param: Param | undefined, value: Json): boolean {
  if (param === undefined || typeof value !== "number") return false;
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = param;
  return value >= min && value <= max;
}

/** What came of one item. */
export function answered(index: number, { prompt, metadata }: Item, output: Json): JsonMap {
  const whole = mapOf(output);
  const text = isMap(output)
    ? (whole["text"] ?? whole["output"] ?? whole["response"] ?? whole["generated_text"] ?? output)
    : output;
  return {
    index,
    output: text,
    finish_reason: whole["finish_reason"] ?? whole["finishReason"] ?? "stop",
    prompt,
    ...(metadata === null ? {} : { metadata }),
    usage: whole["usage"] ?? null,
  };
}

/** The result of an inference task of answered items. `seconds`: from the first start to the last end. */
export function inferenceResult(spec: JsonMap, answers: readonly JsonMap[], seconds: number): JsonMap {
  const sum = (...names: string[]): number =>
    answers.reduce(
      (total, { usage }) => total + (names.map((name) => mapOf(usage)[name]).find(isCount) ?? 0),
      0,
    );
  const prompts = sum("prompt_tokens", "promptTokens");
  const completions = sum("completion_tokens", "completionTokens");
  return {
    ok: true,
    model: modelOf(spec),
    items: answers.map(({ usage: _usage, ...item }) => item),
    usage: {
      prompt_tokens: prompts,
      completion_tokens: completions,
      total_tokens: prompts + completions,
      latency_sec: Math.round(seconds * 1000) / 1000,
      num_requests: answers.length,
    },
  };
}

function isCount(value: Json | undefined): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function invalid(message: string): Failure {
  return new Failure("task/invalid", message, { hint: "docs/tasks.md says what a task document holds" });
}
