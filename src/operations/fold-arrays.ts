import type { JobRow } from "../store/queries.ts";

// Ids of an array's jobs follow each other, its own is that of the first: so it is passed over as a whole.

type Row = Pick<JobRow, "id" | "arrayId">;

/** Of rows by falling ids the newest of each array alone. */
export function foldArrays<R extends Row>(rows: readonly R[]): R[] {
  return rows.filter(({ arrayId }, index) => arrayId === null || arrayId !== rows[index - 1]?.arrayId);
}

/** Where older jobs begin that are not of this one's array: only ids below that are looked at. */
export function belowArray({ id, arrayId }: Row): number {
  return arrayId ?? id;
}
