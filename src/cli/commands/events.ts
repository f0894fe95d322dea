import { integerFlag } from "../arguments.ts";
import { command } from "../command.ts";
import { oneLine } from "../text/width.ts";

interface Options {
  readonly follow?: boolean;
  readonly limit?: number;
  readonly after?: number;
}

export const events = command<Options>({
  name: "events",
  summary: "Print what happened, event by event",
  examples: ["orch events", "orch events -f", "orch events -f --json | jq .type"],
  describe: (parser) =>
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
      ),
  async run({ out, connect, signal }, _args, options) {
    const client = await connect();
    const input = {
      ...(options.follow === true ? { follow: true } : {}),
      ...(options.limit === undefined ? {} : { limit: options.limit }),
      ...(options.after === undefined ? {} : { after: options.after }),
    };
    for await (const event of client.stream("GET /events", input, { signal })) {
      if (out.format.json) out.printJsonLine(event);
      else if (out.format.quiet) out.print(String(event.seq));
      else out.print(`${event.at}  ${event.type.padEnd(20)}  ${oneLine(event.text)}`);
    }
    return 0;
  },
});
