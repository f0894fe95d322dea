import { initial } from "./0001-initial.ts";
import { brain } from "./0002-brain.ts";
import { submissionKeys } from "./0003-submission-keys.ts";
import { timetable } from "./0004-timetable.ts";

export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** All migrations in order; the n-th one brings a database from version n - 1 to n. They only go forward. */
export const migrations: readonly Migration[] = [
  { name: "0001-initial", sql: initial },
  { name: "0002-brain", sql: brain },
  { name: "0003-submission-keys", sql: submissionKeys },
  { name: "0004-timetable", sql: timetable },
];
