import { formatBytes } from "../../std/bytes.ts";
import { formatDurationMs } from "../../std/duration.ts";
import { type Field, type Fields, findField, unknownField, valuesAt } from "../../std/filter/fields.ts";
import type { Column } from "../text/table.ts";

/**
 * The columns that --columns names: those of the table by their headings, and any field of the JSON.
 * @throws Failure usage/invalid, with all that there are
 */
export function pickColumns<Row>(
  text: string,
  usual: readonly Column<Row>[],
  fields: Fields,
): readonly Column<Row>[] {
  const named = new Map(usual.map((column) => [nameOf(column), column]));
  return text.split(",").map((word) => {
    const name = word.trim();
    const known = named.get(name.toLowerCase());
    if (known !== undefined) return known;
    const field = findShown(fields, name);
    if (field !== undefined) return fieldColumn<Row>(name, field);
    throw unknownField("--columns", name, [...new Set([...named.keys(), ...Object.keys(fields)])]);
  });
}

/** "held-by" for HELD BY. */
function nameOf<Row>({ name, title }: Column<Row>): string {
  return name ?? title.toLowerCase().replaceAll(" ", "-");
}

/** A field, or what several fields are part of, such as "reason". */
export function findShown(fields: Fields, name: string): Field | undefined {
  const field = findField(fields, name);
  if (field !== undefined || name === "") return field;
  const isWhole = Object.keys(fields).some((path) => path.startsWith(`${name}.`));
  return isWhole ? { path: name, kind: "text" } : undefined;
}

function fieldColumn<Row>(name: string, { path, kind }: Field): Column<Row> {
  const isFigure = kind === "number" || kind === "bytes" || kind === "duration";
  return {
    title: name.toUpperCase(),
    value: (row) =>
      valuesAt(row, path)
        .map((value) => show(value, kind))
        .join(",") || null,
    ...(isFigure ? { align: "right" as const } : { shrinks: true }),
  };
}

function show(value: unknown, kind: Field["kind"]): string {
  if (kind === "bytes" && typeof value === "number") return formatBytes(value);
  if (kind === "duration" && typeof value === "number") return formatDurationMs(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "string" ? value : JSON.stringify(value);
}
