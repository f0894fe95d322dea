import type { LineOf } from "../../client/client.ts";
import { eventFields } from "../../protocol/list-fields.ts";
import { integerFlag } from "../arguments.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { lineTemplate } from "../list/line-template.ts";
import { describeListFlags, type ListFlags, refuseTwoShapes } from "../list/list-flags.ts";
import { pickColumns } from "../list/pick-columns.ts";
import { filterInput } from "../list/read-filter.ts";
import type { Column } from "../text/table.ts";
import { oneLine } from "../text/width.ts";

type Event = LineOf<"GET /events">;

interface Options extends ListFlags {
  readonly follow?: boolean;
  readonly limit?: number;
  readonly after?: number;
}

export const events = command<Options>({
  name: "events",
  summary: "Print what happened, event by event",
  examples: [
    "orch events",
    "orch events -f --filter 'type ~ worker and worker = sdxl-1'",
    "orch events -f --json | jq .type",
  ],
  describe(parser) {
    parser
      .option("-f, --follow", "go on as they happen")
      .option(
        "-n, --limit <count>",
        "at most this many of the past (default: 50)",
        integerFlag("--limit", 0, 100_000),
      )
      .option(
        "--after <seq>",
        "only events after this number",
        integerFlag("--after", 0, Number.MAX_SAFE_INTEGER),
      );
    describeListFlags(parser, { isStream: true });
  },
  async run(context, _args, options) {
    refuseTwoShapes(context, options);
    // What is wrong with it is said before anybody is asked.
    const filter = filterInput(options.filter, eventFields, context.io.clock.nowMs());
    const print = printerOf(context, options);
    const client = await context.connect();
    const input = {
      ...(options.follow === true ? { follow: true } : {}),
      ...(options.limit === undefined ? {} : { limit: options.limit }),
      ...(options.after === undefined ? {} : { after: options.after }),
      ...filter,
    };
    for await (const event of client.stream("GET /events", input, { signal: context.signal })) print(event);
    return 0;
  },
});

/** Prints one event as it comes. @throws Failure usage/invalid for flags that cannot be met */
function printerOf({ out, io }: Context, options: Options): (event: Event) => void {
  if (options.format !== undefined) {
    const line = lineTemplate(options.format, eventFields, io.stdout.isTTY === true);
    return (event) => out.print(line(event));
  }
  if (out.format.json || options.jsonl === true) return out.printJsonLine;
  if (out.format.quiet) return (event) => out.print(String(event.seq));
  if (options.columns === undefined)
    return (event) => out.print(`${event.at}  ${event.type.padEnd(20)}  ${oneLine(event.text)}`);
  const none: readonly Column<Event>[] = [];
  const columns = pickColumns(options.columns, none, eventFields);
  // A stream does not know how wide its columns will be.
  return (event) =>
    out.print(columns.map((column) => oneLine(String(column.value(event) ?? "-"))).join("\t"));
}
