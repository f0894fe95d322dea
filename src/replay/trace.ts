import { Failure } from "../std/failure.ts";
import { type CsvRecord, readCsv } from "./csv.ts";

/** One job of a trace. */
export interface TraceJob {
  readonly line: number;
  readonly arrivalMs: number;
  readonly model: string;
  readonly runMs: number;
  readonly user: string;
  readonly priority: number;
  /** GPUs it takes; 0 = a command that needs none. */
  readonly gpus: number;
  /** Memory of a shared lease on each of its GPUs; null = whatever the replay gives to a model. */
  readonly vramBytes: number | null;
}

export interface Trace {
  /** By time of arrival; those of one time as they stand in the file. */
  readonly jobs: readonly TraceJob[];
  /** Lines that stood after one that arrived later. */
  readonly outOfOrder: number;
}

type Column = "arrival_s" | "model" | "run_s" | "user" | "priority" | "gpus" | "vram_gib";

const NEEDED = ["arrival_s", "model", "run_s"] as const;
const OPTIONAL = ["user", "priority", "gpus", "vram_gib"] as const;
const FORMAT = `a trace is CSV with the columns ${NEEDED.join(",")} in any order; ${OPTIONAL.join(", ")} may be there, too`;
const GIB = 2 ** 30;
/** 30,000 years: beyond it milliseconds are no longer exact. */
const LONGEST_S = 1e12;

/**
 * Reads a trace. Columns are found by their names, others are ignored. Jobs that do not stand in order of arrival are
 * sorted, and counted in `outOfOrder`.
 * @param name what messages call it, e.g. the path
 * @throws Failure usage/invalid with the line, the column and what was found there
 */
export async function readTrace(
  chunks: AsyncIterable<string> | Iterable<string>,
  name: string,
): Promise<Trace> {
  let columns: ReadonlyMap<Column, number> | undefined;
  const jobs: TraceJob[] = [];
  for await (const record of readCsv(chunks)) {
    if (columns === undefined) columns = findColumns(record, name);
    else jobs.push(new Row(record, columns, name).job());
  }
  if (columns === undefined) throw invalid(`${name} is empty`);
  if (jobs.length === 0) throw invalid(`${name} has a header and no jobs`);
  return sortJobs(jobs);
}

function sortJobs(jobs: TraceJob[]): Trace {
  let outOfOrder = 0;
  let latestMs = Number.NEGATIVE_INFINITY;
  for (const { arrivalMs } of jobs) {
    if (arrivalMs < latestMs) outOfOrder += 1;
    latestMs = Math.max(latestMs, arrivalMs);
  }
  if (outOfOrder > 0) jobs.sort((left, right) => left.arrivalMs - right.arrivalMs);
  return { jobs, outOfOrder };
}

function findColumns({ line, fields, isOpen }: CsvRecord, name: string): ReadonlyMap<Column, number> {
  if (isOpen) throw invalid(`${name}:${line}: a quote is opened and never closed`);
  const found = fields.map((field) => field.trim());
  const columns = new Map<Column, number>();
  for (const column of [...NEEDED, ...OPTIONAL]) {
    const at = found.indexOf(column);
    if (at !== found.lastIndexOf(column)) throw invalid(`${name}:${line}: there are two columns "${column}"`);
    if (at >= 0) columns.set(column, at);
  }
  const missing = NEEDED.filter((column) => !columns.has(column));
  if (missing.length > 0) {
    const what =
      missing.length === 1
        ? `there is no column ${missing[0]}`
        : `there are no columns ${missing.join(", ")}`;
    throw invalid(`${name}:${line}: ${what}; found ${cut(found.join(", "))}`);
  }
  return columns;
}

/** A line with its columns. */
class Row {
  readonly #record: CsvRecord;
  readonly #columns: ReadonlyMap<Column, number>;
  readonly #name: string;

  constructor(record: CsvRecord, columns: ReadonlyMap<Column, number>, name: string) {
    this.#record = record;
    this.#columns = columns;
    this.#name = name;
  }

  job(): TraceJob {
    if (this.#record.isOpen) throw this.#invalid("a quote is opened and never closed");
    const model = this.#text("model");
    if (model === "") throw this.#invalid("model is empty");
    const vramGib = this.#number("vram_gib", null, LONGEST_S);
    if (vramGib === 0) throw this.#invalid("vram_gib is 0: leave it empty for a lease of the usual size");
    return {
      line: this.#record.line,
      arrivalMs: Math.round((this.#number("arrival_s", null, LONGEST_S) ?? 0) * 1000),
      model,
      runMs: Math.round((this.#number("run_s", null, LONGEST_S) ?? 0) * 1000),
      user: this.#text("user"),
      priority: this.#priority(),
      gpus: this.#whole("gpus", 1),
      vramBytes: vramGib === null ? null : Math.round(vramGib * GIB),
    };
  }

  #text(column: Column): string {
    const at = this.#columns.get(column);
    if (at === undefined) return "";
    const field = this.#record.fields[at];
    if (field !== undefined) return field.trim();
    const { length } = this.#record.fields;
    throw this.#invalid(`${column} is missing: the line has ${length} field(s), the header names more`);
  }

  /** A number from 0 on. An empty field of an optional column is `otherwise`. */
  #number(column: Column, otherwise: number | null, most: number): number | null {
    const text = this.#text(column);
    if (text === "" && OPTIONAL.some((optional) => optional === column)) return otherwise;
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    if (Number.isNaN(value)) throw this.#invalid(`${column} is ${quote(text)}, not a number`);
    if (value < 0) throw this.#invalid(`${column} is ${text}: it cannot be negative`);
    if (value > most) throw this.#invalid(`${column} is ${text}: it cannot be more than ${most}`);
    return value;
  }

  #whole(column: Column, otherwise: number): number {
    const value = this.#number(column, otherwise, 1_000) ?? otherwise;
    if (!Number.isInteger(value)) throw this.#invalid(`${column} is ${value}, not a whole number`);
    return value;
  }

  #priority(): number {
    const text = this.#text("priority");
    if (/^([+-]?\d{1,9})?$/.test(text)) return Number(text);
    throw this.#invalid(`priority is ${quote(text)}, not a whole number`);
  }

  #invalid(what: string): Failure {
    return invalid(`${this.#name}:${this.#record.line}: ${what}`);
  }
}

function quote(text: string): string {
  return text === "" ? "empty" : `"${cut(text)}"`;
}

function cut(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

function invalid(message: string): Failure {
  return new Failure("usage/invalid", message, { why: FORMAT, hint: "orch sim --help" });
}
