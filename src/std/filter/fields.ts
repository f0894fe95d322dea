import { Failure } from "../failure.ts";
import type { Json } from "../json.ts";
import { suggest } from "../suggest.ts";

/** What a field holds: a list of words is all that it can be. Times are RFC 3339, durations milliseconds. */
export type FieldKind = "text" | "number" | "bytes" | "duration" | "time" | "flag" | readonly string[];

/** The fields of a row by their paths. "labels.*" stands for labels of any name. */
export type Fields = Readonly<Record<string, FieldKind>>;

/** Every path in a view, so that the compiler finds what is missing in a table. Items of arrays are meant one by one. */
export type FieldsOf<View> = Readonly<Record<PathIn<View>, FieldKind>>;

type PathIn<View> = { [Name in keyof View & string]-?: PathOf<Name, NonNullable<View[Name]>> }[keyof View &
  string];
type PathOf<Name extends string, Value> = [NonNullable<Json>] extends [Value]
  ? Name
  : Value extends readonly (infer Item)[]
    ? PathOf<Name, NonNullable<Item>>
    : Value extends string | number | boolean
      ? Name
      : Value extends object
        ? string extends keyof Value
          ? `${Name}.*`
          : `${Name}.${PathIn<Value>}`
        : Name;

/** A field that was named, found in the table: the path it stands for and what it holds. */
export interface Field {
  readonly path: string;
  readonly kind: FieldKind;
}

/** The field of this name; "label.team" is the label "team" among "labels.*". Undefined when there is none. */
export function findField(fields: Fields, name: string): Field | undefined {
  if (Object.hasOwn(fields, name) && !name.endsWith("*")) return { path: name, kind: fields[name] ?? "text" };
  const dot = name.indexOf(".");
  if (dot < 1 || dot === name.length - 1) return undefined;
  for (const group of [name.slice(0, dot), `${name.slice(0, dot)}s`]) {
    const kind = fields[`${group}.*`];
    if (kind !== undefined) return { path: `${group}${name.slice(dot)}`, kind };
  }
  return undefined;
}

/** What is said of a field that is not there: those that are, and the nearest. */
export function unknownField(where: string, name: string, known: readonly string[]): Failure {
  const near = suggest(name, known);
  return new Failure("usage/invalid", `${where}: there is no field "${name}"`, {
    why: `there are: ${known.join(", ")}`,
    hint: near === undefined ? undefined : `did you mean ${near}?`,
  });
}

/** What stands at a path of a row; in arrays, what stands there in each item. Nulls are left out. */
export function valuesAt(row: unknown, path: string): unknown[] {
  if (Array.isArray(row)) return row.flatMap((item) => valuesAt(item, path));
  if (row === null || row === undefined) return [];
  if (path === "") return [row];
  if (typeof row !== "object") return [];
  const record = row as Readonly<Record<string, unknown>>;
  // Names of labels may have dots in them.
  if (Object.hasOwn(record, path)) return valuesAt(record[path], "");
  const dot = path.indexOf(".");
  const head = dot < 0 ? path : path.slice(0, dot);
  if (dot < 0 || !Object.hasOwn(record, head)) return [];
  return valuesAt(record[head], path.slice(dot + 1));
}
