import type { Client } from "../../client/client.ts";
import type { Fields } from "../../std/filter/fields.ts";
import { matchFilter } from "../../std/filter/match-filter.ts";
import { compareRows, parseSort } from "../../std/filter/sort-keys.ts";
import { type Command, command, type Parser } from "../command.ts";
import type { Context } from "../context.ts";
import type { Column } from "../text/table.ts";
import { lineTemplate } from "./line-template.ts";
import { describeListFlags, type ListFlags, refuseTwoShapes, watchMsOf } from "./list-flags.ts";
import { pickColumns } from "./pick-columns.ts";
import { readFilter } from "./read-filter.ts";

/** The JSON document of a list: its rows under one name, and what else belongs to it. */
export type Listing<Name extends string, Row> = { readonly [Key in Name]: readonly Row[] };

/** More than one table: the main one and others below it, each after an empty line. */
export type Below = readonly string[];

/** A command that lists something. What all lists can do (see `ListFlags`) they can by this. */
export interface ListSpec<
  Name extends string,
  Row,
  Document extends Listing<Name, Row>,
  Options extends object,
> {
  readonly name: string;
  readonly summary: string;
  readonly examples: readonly string[];
  readonly describe?: (parser: Parser) => unknown;
  /** What the rows are called in the document. */
  readonly rows: Name;
  /** What rows are filtered and sorted by: the fields of their JSON. */
  readonly fields: Fields;
  /** What -q prints of a row. */
  readonly id: (row: Row) => number | string;
  /** The usual columns. */
  readonly columns: (rows: readonly Row[], nowMs: number) => readonly Column<Row>[];
  /** Asks the daemon. Only where `daemonFilters` it is to be asked with the filter and the order. */
  readonly fetch: (client: Client, options: Options & ListFlags, context: Context) => Promise<Document>;
  readonly daemonFilters?: boolean;
  /** What is said when there is nothing. */
  readonly empty: string | ((options: Options) => string);
  /** Lines below the usual table. */
  readonly below?: (rows: readonly Row[], context: Context, options: Options) => Below;
  /** What is said beside the data. */
  readonly notes?: (document: Document, options: Options & ListFlags) => readonly string[];
}

/** What one look prints. */
export interface Look {
  /** For stdout. */
  readonly lines: readonly string[];
  /** For people. */
  readonly notes: readonly string[];
  /** Two looks with the same state show the same but for what counts with the time. */
  readonly state: string;
}

/** A list as a command. */
export function listCommand<
  Name extends string,
  Row,
  Document extends Listing<Name, Row>,
  Options extends object,
>(spec: ListSpec<Name, Row, Document, Options>): Command {
  return command<Options & ListFlags>({
    name: spec.name,
    summary: spec.summary,
    examples: spec.examples,
    describe(parser) {
      spec.describe?.(parser);
      describeListFlags(parser);
    },
    async run(context, _args, options) {
      refuseTwoShapes(context, options);
      const shape = shapeOf(spec, context, options);
      narrow(spec, [], context, options); // What is wrong with a flag is said before anybody is asked.
      const client = await context.connect();
      const look = async (): Promise<Look> => {
        const document = await spec.fetch(client, options, context);
        return shape({ ...document, [spec.rows]: narrow(spec, document[spec.rows], context, options) });
      };
      const everyMs = watchMsOf(options);
      if (everyMs !== undefined) {
        const { watch } = await import("./watch.ts");
        return watch(context, everyMs, look);
      }
      const { lines, notes } = await look();
      if (lines.length > 0) context.out.write(`${lines.join("\n")}\n`);
      for (const note of notes) context.out.note(note);
      return 0;
    },
  });
}

/** Filters and sorts what the daemon did not; checks the flags in any case. */
function narrow<Name extends string, Row, Document extends Listing<Name, Row>, Options extends object>(
  { fields, daemonFilters }: ListSpec<Name, Row, Document, Options>,
  rows: readonly Row[],
  { io }: Context,
  { filter, sort }: ListFlags,
): readonly Row[] {
  const condition = filter === undefined ? undefined : readFilter(filter, fields, io.clock.nowMs()).condition;
  const keys = sort === undefined ? undefined : parseSort("--sort", sort, fields);
  if (daemonFilters === true) return rows;
  const kept = condition === undefined ? rows : rows.filter((row) => matchFilter(condition, row));
  return keys === undefined ? kept : kept.toSorted((left, right) => compareRows(keys, left, right));
}

/** How a document is printed under these flags. @throws Failure usage/invalid for flags that cannot be met */
function shapeOf<Name extends string, Row, Document extends Listing<Name, Row>, Options extends object>(
  spec: ListSpec<Name, Row, Document, Options>,
  context: Context,
  options: Options & ListFlags,
): (document: Document) => Look {
  const { out } = context;
  const rowsOf = (document: Document): readonly Row[] => document[spec.rows];
  const data = (lines: readonly string[]): Look => ({ lines, notes: [], state: lines.join("\n") });
  if (options.format !== undefined) {
    const line = lineTemplate(options.format, spec.fields, context.io.stdout.isTTY === true);
    return (document) => data(rowsOf(document).map(line));
  }
  if (options.jsonl === true) return (document) => data(rowsOf(document).map((row) => JSON.stringify(row)));
  if (out.format.json) return (document) => data([JSON.stringify(document, null, 2)]);
  if (out.format.quiet) return (document) => data(rowsOf(document).map((row) => String(spec.id(row))));
  if (options.columns !== undefined)
    pickColumns(options.columns, spec.columns([], context.io.clock.nowMs()), spec.fields);
  return (document) => tableLook(spec, context, options, document);
}

function tableLook<Name extends string, Row, Document extends Listing<Name, Row>, Options extends object>(
  spec: ListSpec<Name, Row, Document, Options>,
  context: Context,
  options: Options & ListFlags,
  document: Document,
): Look {
  const rows: readonly Row[] = document[spec.rows];
  const usual = spec.columns(rows, context.io.clock.nowMs());
  const isUsual = options.columns === undefined;
  const columns = isUsual ? usual : pickColumns(options.columns ?? "", usual, spec.fields);
  const none = typeof spec.empty === "string" ? spec.empty : spec.empty(options);
  const empty = options.filter === undefined ? none : "nothing meets the filter";
  const table = rows.length === 0 ? [] : context.out.tableLines(rows, columns, options.headers !== false);
  const below = isUsual && rows.length > 0 ? (spec.below?.(rows, context, options) ?? []) : [];
  return {
    lines: [...table, ...below],
    notes: [...(rows.length === 0 ? [empty] : []), ...(spec.notes?.(document, options) ?? [])],
    state: JSON.stringify(document),
  };
}
