import { valuesAt } from "./fields.ts";
import type { Comparison, Filter, FilterValue } from "./filter.ts";

/** Whether a row, as the JSON view has it, meets the filter. */
export function matchFilter(filter: Filter, row: unknown): boolean {
  switch (filter.kind) {
    case "and":
      return filter.parts.every((part) => matchFilter(part, row));
    case "or":
      return filter.parts.some((part) => matchFilter(part, row));
    case "not":
      return !matchFilter(filter.part, row);
    case "compare":
      return matchComparison(filter, row);
  }
}

function matchComparison(comparison: Comparison, row: unknown): boolean {
  const found = valuesAt(row, comparison.path);
  return comparison.values.some((wanted) => {
    if (wanted === null) return found.length === 0;
    return found.some((value) => compares(comparison, value, wanted));
  });
}

function compares(
  { operator, isTime }: Comparison,
  found: unknown,
  wanted: Exclude<FilterValue, null>,
): boolean {
  if (operator === "~") return containsText(String(found), String(wanted));
  const value = isTime ? Date.parse(String(found)) : found;
  if (operator === "=") return value === wanted;
  const order = orderOf(value, wanted);
  if (order === null) return false;
  if (operator === "<") return order < 0;
  if (operator === "<=") return order <= 0;
  return operator === ">" ? order > 0 : order >= 0;
}

function orderOf(left: unknown, right: unknown): number | null {
  if (typeof left === "number" && typeof right === "number") return left - right;
  if (typeof left === "string" && typeof right === "string") return left < right ? -1 : left > right ? 1 : 0;
  return null;
}

/** Whether the text has the pattern in it, in any case of ASCII letters; each * stands for any characters. */
function containsText(text: string, pattern: string): boolean {
  const whole = lowered(text);
  let from = 0;
  for (const part of lowered(pattern).split("*")) {
    const at = whole.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return true;
}

/** SQLite's LIKE, which does the same in the database, knows the case of ASCII letters alone. */
function lowered(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
