import type { ParamView } from "../../protocol/views.ts";

/** A value as JSON has it. */
export type FormValue = ParamView["default"];

/** How a param is asked for. */
export type Control =
  | "text"
  | "long-text"
  | "number"
  | "range"
  | "choice"
  | "switch"
  | "file"
  | "json"
  | "seed";

/** One field of the form of a runtime. */
export interface Field {
  readonly name: string;
  readonly label: string;
  readonly control: Control;
  readonly required: boolean;
  readonly help: string;
  readonly isLoad: boolean;
  /** What it begins with, as text in the field. */
  readonly initial: string;
  readonly min: number | null;
  readonly max: number | null;
  /** Of numbers; null = any. */
  readonly step: number | null;
  readonly choices: readonly string[];
  /** MIME types or endings, of files. */
  readonly accept: readonly string[];
  readonly param: ParamView;
}

/** Names of params whose text is long as a rule: they get several lines. */
const LONG_TEXT = /^(prompt|negative_?prompt|text|instructions?|system|messages?|lyrics|description)$/i;
/** Ranges with more steps than that are no good to be dragged. */
const MOST_STEPS = 300;

/** The form of a runtime, from its params in the order of their declaration. */
export function formOf(params: readonly ParamView[]): Field[] {
  return params.map((param) => ({
    name: param.name,
    label: labelOf(param.name),
    control: controlOf(param),
    required: param.required,
    help: param.help,
    isLoad: param.load,
    initial: textOf(param.default),
    min: param.min ?? null,
    max: param.max ?? null,
    step: param.multipleOf ?? (param.type === "integer" ? 1 : null),
    choices: (param.choices ?? []).map(String),
    accept: param.accept,
    param,
  }));
}

function controlOf(param: ParamView): Control {
  const { type, name, choices, min, max, multipleOf } = param;
  if (choices !== undefined) return "choice";
  if (type === "boolean") return "switch";
  if (type === "file") return "file";
  if (type === "json") return "json";
  if (type === "string") return LONG_TEXT.test(name) ? "long-text" : "text";
  if (type === "integer" && name === "seed") return "seed";
  const step = multipleOf ?? (type === "integer" ? 1 : ((max ?? 0) - (min ?? 0)) / 100);
  const hasRange = min !== undefined && max !== undefined && param.default !== undefined;
  return hasRange && step > 0 && (max - min) / step <= MOST_STEPS ? "range" : "number";
}

/** "cfg_scale" and "cfgScale" as "Cfg scale". */
function labelOf(name: string): string {
  const words = name
    .replaceAll(/[_-]+/g, " ")
    .replaceAll(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The texts with which a form would give these params again. */
export function textsOf(params: Readonly<Record<string, FormValue>>): Record<string, string> {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, textOf(value)]));
}

/** Those texts that a form has fields for. Files of the host are not: a path means what its owner can reach. */
export function fittingTexts(
  fields: readonly Field[],
  texts: Readonly<Record<string, string>>,
): Record<string, string> {
  const fitting = fields.flatMap(({ name, control }) => {
    const text = texts[name];
    return text === undefined || (control === "file" && !text.startsWith("upload:")) ? [] : [[name, text]];
  });
  return Object.fromEntries(fitting) as Record<string, string>;
}

function textOf(value: FormValue): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value, null, 1) : String(value);
}

/** What was filled in: the params to be submitted, or what is wrong, by field. */
export interface ReadForm {
  readonly params: Record<string, Exclude<FormValue, undefined>>;
  readonly problems: Readonly<Record<string, string>>;
}

/**
 * Reads the texts of a form's fields. What was left empty is left out, so that its default counts; of files the text is the
 * name of an upload. The daemon checks all of it again.
 */
export function readForm(fields: readonly Field[], texts: Readonly<Record<string, string>>): ReadForm {
  const params: ReadForm["params"] = {};
  const problems: Record<string, string> = {};
  for (const field of fields) {
    const text = texts[field.name] ?? field.initial;
    if (text === "" && (field.param.type !== "string" || field.initial === "")) {
      if (field.required) problems[field.name] = field.control === "file" ? "choose a file" : "is needed";
      continue;
    }
    const read = readText(field, text);
    if ("problem" in read) problems[field.name] = read.problem;
    else params[field.name] = read.value;
  }
  return { params, problems };
}

type Read = { readonly value: Exclude<FormValue, undefined> } | { readonly problem: string };

function readText(field: Field, text: string): Read {
  switch (field.param.type) {
    case "string":
    case "file":
      return { value: text };
    case "boolean":
      return { value: text === "true" };
    case "json":
      return readJson(text);
    case "integer":
    case "number":
      return readNumber(field, text);
  }
}

function readJson(text: string): Read {
  try {
    return { value: JSON.parse(text) as Exclude<FormValue, undefined> };
  } catch (error) {
    return { problem: `is not JSON: ${(error as Error).message}` };
  }
}

function readNumber({ param, min, max, step }: Field, text: string): Read {
  const value = Number(text);
  if (!Number.isFinite(value)) return { problem: "must be a number" };
  if (param.type === "integer" && !Number.isSafeInteger(value)) return { problem: "must be a whole number" };
  if (min !== null && value < min) return { problem: `must be at least ${min}` };
  if (max !== null && value > max) return { problem: `must be at most ${max}` };
  if (param.multipleOf !== undefined && step !== null && !isMultiple(value, step))
    return { problem: `must be a multiple of ${step}` };
  return { value };
}

/** Quotients of decimal fractions are off by a little. */
function isMultiple(value: number, step: number): boolean {
  const times = value / step;
  return Math.abs(times - Math.round(times)) < 1e-9 * Math.max(1, Math.abs(times));
}
