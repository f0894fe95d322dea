import { Failure } from "../../std/failure.ts";
import type { Json } from "../../std/json.ts";
import {
  fillPlaceholders,
  type Placeholder,
  placeholdersIn,
  wholePlaceholder,
} from "../../std/placeholders.ts";
import type { JobHandover } from "../protocol.ts";
import {
  type Document,
  EmbeddedFile,
  type FormValue,
  formBody,
  jsonBody,
  type RequestBody,
} from "../request-body.ts";
import type { HttpTemplate } from "../service.ts";

/** A request made of a template and the params of a job. */
export interface FilledRequest {
  readonly method: HttpTemplate["request"]["method"];
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: RequestBody | null;
}

type Params = JobHandover["params"];

/**
 * Puts params into a template. A text that is one placeholder alone becomes the param's value, of its own type; within
 * a longer text the value stands as text. What names a param that is absent is left out: the key, the item, the field.
 * @param fileParams names of params that are files
 * @throws Failure param/invalid for a value that a header cannot hold, file/missing, file/unreadable
 */
export function fillTemplate(
  { method, path, headers, query, body, form }: HttpTemplate["request"],
  fileParams: readonly string[],
  params: Params,
): FilledRequest {
  const filled = fillDocument(body, params);
  return {
    method,
    path: fillPath(path, query, params),
    headers: fillHeaders(headers, params),
    body:
      form === null
        ? filled === undefined || filled === null
          ? null
          : jsonBody(filled)
        : fillForm(form, fileParams, params),
  };
}

/** A path with its query; values are escaped. */
export function fillPath(path: string, query: Readonly<Record<string, string>>, params: Params): string {
  const pairs = new URLSearchParams(
    Object.entries(query).flatMap(([name, text]) =>
      isComplete(text, params) ? [[name, fillText(text, params)] as [string, string]] : [],
    ),
  ).toString();
  const filled = fillPlaceholders(path, (name) => encodeURIComponent(textOf(params[name])));
  if (pairs === "") return filled;
  return `${filled}${filled.includes("?") ? "&" : "?"}${pairs}`;
}

function fillHeaders(headers: Readonly<Record<string, string>>, params: Params): Record<string, string> {
  const filled: Record<string, string> = {};
  for (const [name, text] of Object.entries(headers)) {
    if (!isComplete(text, params)) continue;
    const value = fillText(text, params);
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) {
      throw new Failure("param/invalid", `the header ${name} cannot hold what was given`, {
        why: "headers hold no line breaks and no characters beyond Latin-1",
      });
    }
    filled[name] = value;
  }
  return filled;
}

function fillForm(
  form: Readonly<Record<string, string>>,
  fileParams: readonly string[],
  params: Params,
): RequestBody {
  const fields: Record<string, FormValue> = {};
  for (const [name, text] of Object.entries(form)) {
    if (!isComplete(text, params)) continue;
    const whole = wholePlaceholder(text);
    const isFile = whole !== null && fileParams.includes(whole.name);
    fields[name] = isFile ? { path: localFile(whole, params) } : { text: fillText(text, params) };
  }
  return formBody(fields);
}

/** Undefined = it names a param that is absent. */
function fillDocument(template: Json, params: Params): Document | undefined {
  if (typeof template === "string") return fillString(template, params);
  if (typeof template !== "object" || template === null) return template;
  if (isList(template)) {
    return template.map((item) => fillDocument(item, params)).filter((item) => item !== undefined);
  }
  const entries = Object.entries(template).flatMap(([key, value]) => {
    const filled = fillDocument(value, params);
    return filled === undefined ? [] : [[key, filled] as const];
  });
  return Object.fromEntries(entries);
}

function fillString(template: string, params: Params): Document | undefined {
  if (!isComplete(template, params)) return undefined;
  const whole = wholePlaceholder(template);
  if (whole === null) return fillText(template, params);
  if (whole.encoding === "path") return params[whole.name] ?? null;
  return new EmbeddedFile(localFile(whole, params), whole.encoding);
}

function localFile({ name }: Placeholder, params: Params): string {
  const path = textOf(params[name]);
  if (!/^https?:/i.test(path)) return path;
  throw new Failure("param/invalid", `param "${name}" cannot be sent`, {
    why: "this server takes local files, not web addresses",
  });
}

function isComplete(text: string, params: Params): boolean {
  return placeholdersIn(text).every(({ name }) => Object.hasOwn(params, name));
}

function fillText(text: string, params: Params): string {
  return fillPlaceholders(text, (name) => textOf(params[name]));
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
