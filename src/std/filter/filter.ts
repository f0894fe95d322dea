/** How a field is compared. `~` looks for a text, in any case of ASCII letters; * in it stands for any characters. */
export type Operator = "=" | "~" | "<" | "<=" | ">" | ">=";

/** What a field is compared with: times are milliseconds since 1970; null means that there is nothing. */
export type FilterValue = string | number | boolean | null;

/** One comparison. It is true of a field with several values when it is true of one of them. */
export interface Comparison {
  readonly kind: "compare";
  /** Its path in the JSON view, e.g. "reason.code". */
  readonly path: string;
  /** Whether the view has it as RFC 3339. */
  readonly isTime: boolean;
  readonly operator: Operator;
  /** One of these; several are possible with "=" alone. */
  readonly values: readonly FilterValue[];
}

/** A condition that a row meets or not: there is no third case, what is null meets no comparison but "= null". */
export type Filter =
  | Comparison
  | { readonly kind: "and" | "or"; readonly parts: readonly Filter[] }
  | { readonly kind: "not"; readonly part: Filter };

/** All of these at once; null when there are none. */
export function allOf(parts: readonly Filter[]): Filter | null {
  const [first, ...rest] = parts;
  if (first === undefined) return null;
  return rest.length === 0 ? first : { kind: "and", parts };
}
