import type { Statements } from "./statements.ts";

/** The last set of labels alone: the jobs of an array share one, while others may each have their own. */
export interface KnownLabels {
  labels: { readonly text: string; readonly id: number } | null;
}

/** The id of a set of labels, written when it is new; null for a job without any. */
export function labelSetId(
  sql: Statements,
  labels: Readonly<Record<string, string>>,
  known: KnownLabels,
): number | null {
  const pairs = Object.entries(labels).sort(([left], [right]) => (left < right ? -1 : 1));
  if (pairs.length === 0) return null;
  const text = JSON.stringify(Object.fromEntries(pairs));
  if (known.labels?.text === text) return known.labels.id;
  const isNew = sql.putLabelSet.run(text).changes > 0;
  const id = sql.labelSetOf.get(text) as number;
  if (isNew) for (const [name, value] of pairs) sql.putLabel.run(id, name, value);
  known.labels = { text, id };
  return id;
}
