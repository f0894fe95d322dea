import type { Json } from "../../std/json.ts";

/** What a job that makes text came to. */
export interface TextOutput {
  readonly text: string;
  /** As OpenAI's API names it. */
  readonly finishReason: string;
  /** As OpenAI's API has it; zeros where the job does not say. */
  readonly usage: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly total_tokens: number;
  };
}

type Fields = Readonly<Record<string, Json | undefined>>;

/** The text of an output: itself, or under one of the usual names; null = it has none. */
export function textIn(output: Json): string | null {
  if (typeof output === "string") return output;
  const { text, output: inner } = fieldsOf(output);
  const found = text ?? inner;
  return typeof found === "string" ? found : null;
}

/** Reads an output that is to be text: any other is shown as JSON. */
export function readTextOutput(output: Json): TextOutput {
  const { finishReason, finish_reason: alike, usage } = fieldsOf(output);
  const reason = finishReason ?? alike;
  const { prompt_tokens: prompt, completion_tokens: completion } = fieldsOf(usage);
  const [asked, made] = [numberOf(prompt), numberOf(completion)];
  return {
    text: textIn(output) ?? (output === null ? "" : JSON.stringify(output)),
    finishReason: typeof reason === "string" ? reason : "stop",
    usage: { prompt_tokens: asked, completion_tokens: made, total_tokens: asked + made },
  };
}

function fieldsOf(value: Json | undefined): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function numberOf(value: Json | undefined): number {
  return typeof value === "number" ? value : 0;
}
