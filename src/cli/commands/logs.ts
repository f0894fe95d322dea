import type { LogLine } from "../../protocol/log-views.ts";
import { Failure } from "../../std/failure.ts";
import { flagReader, integerFlag } from "../arguments.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import type { Colour } from "../output.ts";
import { readPastTime } from "../submit/past-time.ts";
import { stayConnected } from "../terminal/stay-connected.ts";
import { widthOf } from "../text/width.ts";

interface Options {
  readonly follow?: boolean;
  readonly tail?: number;
  readonly since?: string;
  readonly until?: string;
  readonly grep?: string;
  readonly ignoreCase?: boolean;
  readonly invert?: boolean;
  readonly attempt?: number;
  readonly correlation?: string;
  readonly daemon?: boolean;
  readonly jsonl?: boolean;
}

export const logs = command<Options>({
  name: "logs",
  summary: "Print what jobs, workers or the daemon wrote",
  examples: [
    "orch logs 42",
    "orch logs -f 42 43                     # both, each line with its job",
    "orch logs -n 100 sdxl-3                # of a worker, by its name or as w3",
    "orch logs 42 --since 10m --grep 'loss=' -i",
    "orch logs --correlation nightly-7 --jsonl | jq .text",
    "orch logs --daemon -f",
  ],
  describe: (parser) =>
    parser
      .argument("[what...]", "job ids, names of workers")
      .option("-f, --follow", "go on until what writes it is over, also over restarts of the daemon")
      .option(
        "-n, --tail <lines>",
        "only the last lines; with --grep: of those that match",
        integerFlag("--tail", 0, 1_000_000_000),
      )
      .option("--since <time>", "only what was written since then, e.g. 10m, 14:30, 2026-12-01T12:00")
      .option("--until <time>", "only what was written until then")
      .option("--grep <expression>", "only lines that match this regular expression")
      .option("-i, --ignore-case", "of the expression")
      .option("-v, --invert", "only lines that do not match")
      .option("--attempt <number>", "of a job: this attempt alone", integerFlag("--attempt", 1, 1_000_000))
      .option("--correlation <id>", "of all jobs that bear this correlation id")
      .option("--daemon", "the daemon's own log")
      .option("--jsonl", "one JSON object for each line: text, time, job, attempt, worker, correlation"),
  async run(context, args, options) {
    const { out } = context;
    if (options.jsonl === true) out.format.json = true;
    const client = await context.connect();
    const input = inputOf(context, args, options);
    const names = [
      ...new Set(input.jobs?.map((id) => `job ${id}`)),
      ...new Set(input.workers),
      ...(options.daemon === true ? ["daemon"] : []),
    ];
    const print = createPrinter(out, names.length > 1 || options.correlation !== undefined, names);
    const cursors = new Map<string, string>();
    let isDone = false;
    await stayConnected(context, {
      signal: context.signal,
      async read(heard) {
        const resume = [...cursors.values()];
        const asked = { ...input, ...(resume.length === 0 ? {} : { resume }) };
        for await (const line of client.stream("GET /logs", asked, { signal: context.signal })) {
          heard();
          cursors.set(nameOf(line), line.cursor);
          print(line);
        }
        isDone = true;
      },
      isDone: () => isDone,
      mayWait: () => options.follow === true && cursors.size > 0,
      notice: "orch: lost the daemon",
    });
    return 0;
  },
});

/** Job ids are numbers; everything else names a worker. */
function inputOf({ io }: Context, args: readonly string[], options: Options) {
  const words = args.flatMap((text) => text.split(",")).filter((text) => text !== "");
  const jobs = words.filter((text) => /^\d+$/.test(text)).map(Number);
  const workers = words.filter((text) => !/^\d+$/.test(text));
  if (words.length === 0 && options.correlation === undefined && options.daemon !== true) {
    throw new Failure("usage/invalid", "whose log is wanted?", {
      hint: "orch logs 42, orch logs sdxl-3, orch logs --correlation ID or orch logs --daemon",
    });
  }
  const nowMs = io.clock.nowMs();
  const moment = (flag: string, text: string): string =>
    new Date(flagReader(flag, (typed) => readPastTime(typed, nowMs))(text)).toISOString();
  return {
    ...(jobs.length === 0 ? {} : { jobs }),
    ...(workers.length === 0 ? {} : { workers }),
    ...(options.daemon === true ? { daemon: true } : {}),
    ...(options.correlation === undefined ? {} : { correlation: options.correlation }),
    ...(options.follow === true ? { follow: true } : {}),
    ...(options.tail === undefined ? {} : { tail: options.tail }),
    ...(options.since === undefined ? {} : { since: moment("--since", options.since) }),
    ...(options.until === undefined ? {} : { until: moment("--until", options.until) }),
    ...(options.grep === undefined ? {} : { grep: options.grep }),
    ...(options.ignoreCase === true ? { ignoreCase: true } : {}),
    ...(options.invert === true ? { invert: true } : {}),
    ...(options.attempt === undefined ? {} : { attempt: options.attempt }),
    ...(options.jsonl === true ? { lines: true } : {}),
  };
}

const COLOURS: readonly Colour[] = ["cyan", "yellow", "green", "red", "bold", "dim"];

/**
 * With the logs of several, each line begins with whose it is, all equally wide.
 * @param names as far as they are known before the first line
 */
function createPrinter(
  out: Context["out"],
  isSeveral: boolean,
  names: readonly string[],
): (line: LogLine) => void {
  const colours = new Map<string, Colour>();
  let width = Math.max(0, ...names.map(widthOf));
  return (line) => {
    if (out.format.json) return out.printJsonLine(line);
    if (!isSeveral) return out.write(line.text);
    const name = nameOf(line);
    const colour = colours.get(name) ?? COLOURS[colours.size % COLOURS.length] ?? "cyan";
    colours.set(name, colour);
    width = Math.max(width, widthOf(name));
    const prefix = `${out.paint(colour, name)}${" ".repeat(width - widthOf(name))} | `;
    const text = line.text.endsWith("\n") ? line.text.slice(0, -1) : line.text;
    out.print(
      text
        .split("\n")
        .map((each) => prefix + lastOverwrite(each))
        .join("\n"),
    );
  };
}

/** A bar that is drawn over itself would wipe out the prefix: what was to be seen at last stands for it. */
function lastOverwrite(line: string): string {
  const shown = line.replace(/\r+$/, "");
  return shown.slice(shown.lastIndexOf("\r") + 1);
}

function nameOf({ source, job, worker }: LogLine): string {
  if (source === "job") return `job ${job}`;
  return source === "worker" ? (worker ?? "worker") : "daemon";
}
