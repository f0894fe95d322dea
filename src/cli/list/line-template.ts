import { Failure } from "../../std/failure.ts";
import { type Fields, unknownField, valuesAt } from "../../std/filter/fields.ts";
import { oneLine } from "../text/width.ts";
import { findShown } from "./pick-columns.ts";

/**
 * A maker of lines after a template: {field} is what the JSON has there, {{ and }} are braces, \t and \n what they are
 * elsewhere. Null is nothing, several values stand with commas. For a terminal, what would steer it is taken out of the values.
 * @throws Failure usage/invalid
 */
export function lineTemplate(
  template: string,
  fields: Fields,
  isTerminal: boolean,
): (row: unknown) => string {
  const clean = isTerminal ? oneLine : (text: string): string => text;
  const parts: ((row: unknown) => string)[] = [];
  const rest = template.replace(/\\([tn\\])/g, (_all, sign: string) => escapes[sign] ?? sign);
  const pattern = /\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g;
  for (const [text, name] of rest.matchAll(pattern)) {
    if (name !== undefined) {
      const read = fieldOf(name.trim(), fields);
      parts.push((row) => clean(read(row)));
    } else if (text === "{" || text === "}") throw lonelyBrace(text);
    else parts.push(() => (text === "{{" ? "{" : text === "}}" ? "}" : text));
  }
  return (row) => parts.map((part) => part(row)).join("");
}

const escapes: Readonly<Record<string, string>> = { t: "\t", n: "\n", "\\": "\\" };

function fieldOf(name: string, fields: Fields): (row: unknown) => string {
  const field = findShown(fields, name);
  if (field === undefined) throw unknownField("--format", name, Object.keys(fields));
  return (row) =>
    valuesAt(row, field.path)
      .map((value) => (typeof value === "string" ? value : JSON.stringify(value)))
      .join(",");
}

function lonelyBrace(brace: string): Failure {
  return new Failure("usage/invalid", `--format: a "${brace}" stands alone`, {
    why: "a field is written {id}",
    hint: `write ${brace}${brace} for the sign itself`,
  });
}
