import type { z } from "zod";
import { suggest } from "../std/suggest.ts";
import type { Path, Problem } from "./read-yaml.ts";
import { keysAllowedAt } from "./schema.ts";

type Issue = z.core.$ZodIssue;

const kinds: Record<string, string> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a map",
  record: "a map",
};

/** Turns what the schema found in `value` (the whole document) into problems with a place and a plain sentence. */
export function explainIssues(issues: readonly Issue[], value: unknown): Problem[] {
  return issues.flatMap((issue) => explainIssue(issue, value));
}

function explainIssue(issue: Issue, document: unknown): Problem[] {
  const path = issue.path.filter((step) => typeof step !== "symbol");
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => explainUnknownKey(path, key));
  const found = valueAt(document, path);
  if (found === undefined) return [{ path, at: "key", why: "it is required and missing" }];
  return [{ path, at: "value", why: sentenceOf(issue, found, isSensitive(path)) }];
}

function explainUnknownKey(parent: Path, key: string): Problem {
  const allowed = keysAllowedAt(parent);
  const near = nearestKey(key, allowed);
  const why =
    near === undefined
      ? `unknown key; known are ${allowed.join(", ")}`
      : `unknown key; did you mean "${near}"?`;
  return { path: [...parent, key], at: "key", why };
}

/** Also finds `keep_alive` and `KEEPALIVE` for `keepAlive`, which are many edits away. */
function nearestKey(key: string, allowed: readonly string[]): string | undefined {
  const flat = (word: string): string => word.replace(/[-_]/g, "").toLowerCase();
  return allowed.find((candidate) => flat(candidate) === flat(key)) ?? suggest(key, allowed);
}

function sentenceOf(issue: Issue, found: unknown, sensitive: boolean): string {
  const shown = sensitive ? "what is there" : show(found);
  switch (issue.code) {
    case "invalid_type":
      return `must be ${kinds[issue.expected] ?? issue.expected}, not ${shown}`;
    case "invalid_value": {
      const near = typeof found === "string" ? suggest(found, issue.values.map(String)) : undefined;
      const question = near === undefined ? "" : `; did you mean "${near}"?`;
      return `must be one of ${issue.values.map(String).join(", ")}, not ${shown}${question}`;
    }
    case "too_small":
      return `${bound(issue.origin, `at least ${issue.minimum}`, issue.inclusive !== false)}, not ${shown}`;
    case "too_big":
      return `${bound(issue.origin, `at most ${issue.maximum}`, true)}, not ${shown}`;
    default:
      return issue.message;
  }
}

function bound(origin: string, limit: string, inclusive: boolean): string {
  if (!inclusive) return `must be more than ${limit.replace("at least ", "")}`;
  if (origin === "string") return `must have ${limit} characters`;
  return origin === "array" ? `must have ${limit} entries` : `must be ${limit}`;
}

/** A value in a sentence, cut short. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a map";
  if (typeof value === "number") return String(value);
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}…"` : text;
}

/** Values of these may be secrets put in the wrong place: they are never repeated in an error. */
function isSensitive(path: Path): boolean {
  return path[0] === "secrets" || path[0] === "env" || (path[0] === "server" && path[1] === "key");
}

function valueAt(document: unknown, path: Path): unknown {
  let value = document;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
