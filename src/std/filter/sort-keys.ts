import { type Fields, findField, unknownField, valuesAt } from "./fields.ts";

/** A field by which rows are ordered. */
export interface SortKey {
  readonly path: string;
  readonly isTime: boolean;
  readonly descending: boolean;
}

/** Reads "runtime,-submittedAt": fields, the first counting most; with - the largest comes first. @throws Failure usage/invalid */
export function parseSort(where: string, text: string, fields: Fields): SortKey[] {
  return text.split(",").map((word) => {
    const name = word.trim().replace(/^[+-]/, "");
    const field = findField(fields, name);
    if (field === undefined) throw unknownField(where, name, Object.keys(fields));
    return { path: field.path, isTime: field.kind === "time", descending: word.trim().startsWith("-") };
  });
}

/** Compares two rows by the keys. What has no value comes last in either direction. */
export function compareRows(keys: readonly SortKey[], left: unknown, right: unknown): number {
  const valuesOf = (row: unknown): SortValue[] => keys.map((key) => keyValue(row, key));
  return compareKeys(keys, valuesOf(left), valuesOf(right));
}

/** What a row is ordered by: of each key its value. */
export type SortValue = string | number | null;

/** As `compareRows`, where the values are known. */
export function compareKeys(
  keys: readonly SortKey[],
  left: readonly SortValue[],
  right: readonly SortValue[],
): number {
  for (const [index, { descending }] of keys.entries()) {
    const order = compareValues(left[index] ?? null, right[index] ?? null, descending);
    if (order !== 0) return order;
  }
  return 0;
}

function keyValue(row: unknown, { path, isTime }: SortKey): SortValue {
  const [first] = valuesAt(row, path);
  if (first === undefined) return null;
  if (isTime) return Date.parse(String(first));
  return typeof first === "number" ? first : typeof first === "boolean" ? Number(first) : String(first);
}

function compareValues(left: SortValue, right: SortValue, descending: boolean): number {
  if (left === null || right === null) return left === right ? 0 : left === null ? 1 : -1;
  if (left === right) return 0;
  return left < right === descending ? 1 : -1;
}
