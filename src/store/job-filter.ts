import { assert } from "../std/assert.ts";
import type { Comparison, Filter, FilterValue } from "../std/filter/filter.ts";
import type { SortKey } from "../std/filter/sort-keys.ts";

/** A condition in SQL over `jobs j` and `workers w`, with what its parameters stand for. */
export interface Compiled {
  readonly sql: string;
  readonly values: Readonly<Record<string, string | number | null>>;
  /** False: it lets through what only a look at the view can judge. */
  readonly isExact: boolean;
}

/** Who looks, and what the id of a job is appended to for its own correlation id. */
export interface Seen {
  readonly viewerUid: number | null;
  readonly correlationPrefix: string;
}

/** Where a field of the view is in the database. */
interface Column {
  /** An expression; for a field with several values one over what `from` gives. */
  readonly sql: string;
  /** A query, up to its conditions, of a field with several values. */
  readonly from?: string;
  /** Other users do not see it. */
  readonly isPrivate?: boolean;
  /** Of a job that is not over only the scheduler knows it. */
  readonly isLive?: boolean;
}

// What is not here (files) is known to the view alone.
const columns: Readonly<Record<string, Column>> = {
  id: { sql: "j.id" },
  runtime: { sql: "j.runtime" },
  state: { sql: "j.state" },
  "reason.code": { sql: "j.reason_code", isLive: true },
  "reason.text": {
    sql: "CASE WHEN j.reason_code IS NOT NULL THEN COALESCE(j.reason_text, '') END",
    isLive: true,
    isPrivate: true,
  },
  "progress.fraction": { sql: "NULL", isLive: true },
  "progress.text": { sql: "NULL", isLive: true },
  exitCode: { sql: "j.exit_code", isPrivate: true },
  worker: { sql: "w.name" },
  gpus: { sql: "l.gpu", from: "SELECT 1 FROM leases l WHERE l.worker_id = j.worker_id" },
  attempts: { sql: "j.attempts" },
  priority: { sql: "j.priority" },
  summary: { sql: "j.summary", isPrivate: true },
  label: { sql: "j.label", isPrivate: true },
  correlation: { sql: "COALESCE(j.correlation, :correlationPrefix || j.id)", isPrivate: true },
  "array.id": { sql: "j.array_id" },
  "array.index": { sql: "j.array_index" },
  user: { sql: "j.user" },
  submittedAt: { sql: "j.submitted_at" },
  startedAt: { sql: "j.started_at" },
  finishedAt: { sql: "j.finished_at" },
};

const LABELS = "labels.";

/** The condition of a filter: exact, or one that lets every hit through and some more. */
export function compileJobFilter(filter: Filter, seen: Seen): Compiled {
  const values: Record<string, string | number> = {};
  const compiler: Compiler = {
    seen,
    isExact: true,
    bind(value) {
      const name = `p${Object.keys(values).length}`;
      values[name] = typeof value === "boolean" ? Number(value) : value;
      return `:${name}`;
    },
  };
  const sql = compile(compiler, filter, false);
  // An order may need the prefix, too; what a statement does not name is left out.
  const { viewerUid, correlationPrefix } = seen;
  return { sql, values: { ...values, viewerUid, correlationPrefix }, isExact: compiler.isExact };
}

/** An order in SQL. */
export interface CompiledOrder {
  /** What is ordered by. */
  readonly columns: readonly string[];
  readonly sql: string;
}

/** The order; null when the database does not know what to order by. Equals follow newest first. */
export function compileJobOrder(keys: readonly SortKey[], { viewerUid }: Seen): CompiledOrder | null {
  const parts: string[] = [];
  const ordered: string[] = [];
  for (const { path, descending } of keys) {
    const column = Object.hasOwn(columns, path) ? columns[path] : undefined;
    const isHidden = column?.isPrivate === true && viewerUid !== null;
    if (column === undefined || column.from !== undefined || column.isLive === true || isHidden) return null;
    ordered.push(column.sql);
    parts.push(`${column.sql} ${descending ? "DESC" : "ASC"} NULLS LAST`);
  }
  return { columns: ordered, sql: [...parts, "j.id DESC"].join(", ") };
}

interface Compiler {
  readonly seen: Seen;
  isExact: boolean;
  bind(value: string | number | boolean): string;
}

/** With `isNot` the opposite: it is carried down to the comparisons, so that what is let through stays too much, never too little. */
function compile(compiler: Compiler, filter: Filter, isNot: boolean): string {
  switch (filter.kind) {
    case "and":
    case "or": {
      const word = (filter.kind === "and") === isNot ? " OR " : " AND ";
      if (filter.parts.length === 0) return word === " AND " ? "TRUE" : "FALSE";
      return `(${filter.parts.map((part) => compile(compiler, part, isNot)).join(word)})`;
    }
    case "not":
      return compile(compiler, filter.part, !isNot);
    case "compare":
      return compileComparison(compiler, filter, isNot);
  }
}

function compileComparison(compiler: Compiler, comparison: Comparison, isNot: boolean): string {
  const { path } = comparison;
  const column = Object.hasOwn(columns, path) ? columns[path] : undefined;
  const condition =
    column !== undefined
      ? conditionOn(compiler, column, comparison)
      : path.startsWith(LABELS)
        ? labelCondition(compiler, path.slice(LABELS.length), comparison)
        : null;
  if (condition === null) return passAll(compiler, isNot || comparison.values.includes(null));
  const exact = isNot ? `(${condition}) IS NOT TRUE` : `(${condition})`;
  const isHidden = (column === undefined || column.isPrivate === true) && compiler.seen.viewerUid !== null;
  const unknown = [
    ...(isHidden ? ["j.uid <> :viewerUid"] : []),
    ...(column?.isLive === true ? ["j.finished_at IS NULL"] : []),
  ];
  if (unknown.length > 0) compiler.isExact = false;
  return `(${[...unknown, exact].join(" OR ")})`;
}

/** Of files the database knows whether there are any. */
function passAll(compiler: Compiler, isMetByNone: boolean): string {
  compiler.isExact = false;
  return isMetByNone ? "TRUE" : "j.artifacts NOT IN ('[]', 'null')";
}

function conditionOn(compiler: Compiler, { sql, from }: Column, comparison: Comparison): string {
  const wanted = comparison.values.filter((value) => value !== null);
  const parts: string[] = [];
  if (wanted.length < comparison.values.length)
    parts.push(from === undefined ? `${sql} IS NULL` : `NOT EXISTS (${from})`);
  if (wanted.length > 0) {
    const condition = compare(compiler, sql, comparison, wanted);
    parts.push(from === undefined ? condition : `EXISTS (${from} AND ${condition})`);
  }
  return parts.join(" OR ");
}

/** Sets of labels are few where jobs share them, so the jobs are found by their set. */
function labelCondition(compiler: Compiler, name: string, comparison: Comparison): string {
  const named = `SELECT set_id FROM labels WHERE name = ${compiler.bind(name)}`;
  const wanted = comparison.values.filter((value) => value !== null);
  const parts: string[] = [];
  if (wanted.length < comparison.values.length)
    parts.push(`j.label_set IS NULL OR j.label_set NOT IN (${named})`);
  if (wanted.length > 0)
    parts.push(`j.label_set IN (${named} AND ${compare(compiler, "value", comparison, wanted)})`);
  return parts.join(" OR ");
}

function compare(
  compiler: Compiler,
  sql: string,
  { operator }: Comparison,
  wanted: readonly Exclude<FilterValue, null>[],
): string {
  const [first] = wanted;
  assert(first !== undefined, "a comparison has a value");
  if (operator === "~") return `${sql} LIKE ${compiler.bind(likePattern(String(first)))} ESCAPE '\\'`;
  if (operator === "=" && wanted.length > 1)
    return `${sql} IN (${wanted.map((value) => compiler.bind(value)).join(", ")})`;
  return `${sql} ${operator} ${compiler.bind(first)}`;
}

function likePattern(text: string): string {
  return `%${text.replace(/[\\%_]/g, "\\$&").replaceAll("*", "%")}%`;
}
