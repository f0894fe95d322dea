import { initial } from "./0001-initial.ts";

export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** All migrations in order; the n-th one brings a database from version n - 1 to n. They only go forward. */
export const migrations: readonly Migration[] = [{ name: "0001-initial", sql: initial }];
