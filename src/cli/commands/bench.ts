import { resolve } from "node:path";
import type { Client } from "../../client/client.ts";
import { formatDurationMs, parseDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";
import { flagReader, integerFlag } from "../arguments.ts";
import { drive, type Load, type Measured, type Shape, shapeOf } from "../bench/drive.ts";
import { type Row, rowOf, type Times } from "../bench/report.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { gatherParams } from "../submit/gather-params.ts";
import type { Column } from "../text/table.ts";

interface Options {
  readonly requests?: number;
  readonly concurrency?: number;
  readonly users?: number;
  readonly ramp?: number;
  readonly hold?: number;
  readonly modelsConcurrently?: boolean;
  readonly param?: readonly string[];
  readonly params?: string;
  readonly report?: string;
}

const MOST_CALLERS = 10_000;

export const bench = command<Options>({
  name: "bench",
  summary: "Load runtimes with requests and measure throughput, latency and which workers served them",
  examples: [
    "orch bench echo --requests 500 --concurrency 12",
    "orch bench sdxl whisper --models-concurrently --params bench.yaml",
    "orch bench charlm --param 'prompt=once upon a time' --users 30 --ramp 30s --hold 60s --report report.json",
  ],
  describe(parser) {
    const count = (flag: string, most: number) => integerFlag(flag, 1, most);
    const duration = (flag: string) => flagReader(flag, parseDurationMs);
    parser
      .argument("<runtime...>", "one after the other, unless told otherwise")
      .option(
        "-n, --requests <count>",
        "in all, for each runtime (default: 100)",
        count("--requests", 10_000_000),
      )
      .option(
        "-c, --concurrency <count>",
        "so many at once (default: 4)",
        count("--concurrency", MOST_CALLERS),
      )
      .option("--users <count>", "callers that ask again and again", count("--users", MOST_CALLERS))
      .option("--ramp <time>", "until all of them have come, e.g. 30s (default: at once)", duration("--ramp"))
      .option("--hold <time>", "how long they stay then (default: 60s)", duration("--hold"))
      .option("--models-concurrently", "all runtimes at the same time")
      .option(
        "--param <name=value>",
        "a parameter of each request, of runtimes that have it",
        (text, before: string[] = []) => [...before, text],
      )
      .option("--params <file>", "parameters from JSON or YAML")
      .option("--report <file>", "write the report there, as JSON");
  },
  async run(context, runtimes, options) {
    const shape = shapeOf(options);
    const client = await context.connect();
    const loads = await loadsOf(context, client, runtimes, options);
    const rows = await measure(context, client, {
      loads,
      shape,
      isTogether: options.modelsConcurrently === true,
    });
    const report = { shape, rows };
    if (options.report !== undefined) await writeReport(resolve(context.io.cwd, options.report), report);
    context.out.result(report, { ids: [], text: () => print(context, rows) });
    return rows.some(({ failed }) => failed > 0) ? 1 : 0;
  },
});

/** Of several runtimes each is asked with what it has of the parameters. @throws Failure param/unknown for what none of them has */
async function loadsOf(
  context: Context,
  client: Client,
  names: readonly string[],
  { param, params }: Options,
): Promise<Load[]> {
  if (params === "-" && names.length > 1)
    throw new Failure("usage/invalid", "stdin can be read once only, and these are several runtimes", {
      hint: "--params bench.yaml",
    });
  const given = { keepsAddresses: false, ...(param && { param }), ...(params && { params }) };
  const loads: Load[] = [];
  const unused = new Map<string, number>();
  for (const name of names) {
    const runtime = await client.call("GET /runtimes/:runtime", { runtime: name });
    const all = Object.entries(await gatherParams(context, runtime, given, {}));
    const isForOther = ([each]: readonly [string, unknown]): boolean =>
      names.length > 1 && !runtime.params.some((own) => own.name === each);
    for (const [each] of all.filter(isForOther)) unused.set(each, (unused.get(each) ?? 0) + 1);
    loads.push({ runtime: name, params: Object.fromEntries(all.filter((pair) => !isForOther(pair))) });
  }
  for (const [each, count] of unused)
    if (count === names.length)
      throw new Failure("param/unknown", `none of ${names.join(", ")} has a param "${each}"`, {
        hint: `orch runtimes show ${names[0] ?? "NAME"}`,
      });
  return loads;
}

interface Asked {
  readonly loads: readonly Load[];
  readonly shape: Shape;
  readonly isTogether: boolean;
}

/** A first Ctrl-C ends it with what was measured so far. */
async function measure(
  context: Context,
  client: Client,
  { loads, shape, isTogether }: Asked,
): Promise<Row[]> {
  const { io, out } = context;
  const abort = new AbortController();
  const undo = io.onSignal("SIGINT", () => abort.abort());
  let [done, failed] = [0, 0];
  const run = (load: Load): Promise<Measured> =>
    drive(client, load, shape, {
      clock: io.clock,
      signal: abort.signal,
      onSample({ error }) {
        done += 1;
        if (error !== null) failed += 1;
        out.progress(`${done} answered${failed === 0 ? "" : `, ${failed} failed`}`);
      },
    });
  try {
    if (!isTogether || loads.length === 1) {
      const rows: Row[] = [];
      for (const load of loads) if (!abort.signal.aborted) rows.push(rowOf(load.runtime, await run(load)));
      return rows;
    }
    const measured = await Promise.all(loads.map(run));
    const tookMs = Math.max(...measured.map((each) => each.tookMs));
    const all = rowOf(null, { samples: measured.flatMap(({ samples }) => samples), tookMs });
    return [...measured.map((each, index) => rowOf(loads[index]?.runtime ?? null, each)), all];
  } finally {
    undo();
    out.progress(null);
  }
}

const time = (times: Times | null, which: keyof Times): string | null =>
  times === null ? null : formatDurationMs(times[which]);

const columns: readonly Column<Row>[] = [
  { title: "RUNTIME", value: ({ runtime }) => runtime ?? "all", shrinks: true, rank: 9 },
  { title: "REQUESTS", value: ({ requests }) => requests, align: "right", rank: 8 },
  { title: "FAILED", value: ({ failed }) => failed, align: "right", rank: 8 },
  { title: "PER S", value: ({ perSecond }) => perSecond, align: "right", rank: 9 },
  { title: "P50", value: ({ latencyMs }) => time(latencyMs, "p50"), align: "right", rank: 8 },
  { title: "P90", value: ({ latencyMs }) => time(latencyMs, "p90"), align: "right", rank: 7 },
  { title: "P99", value: ({ latencyMs }) => time(latencyMs, "p99"), align: "right", rank: 7 },
  { title: "WAIT P50", value: ({ waitMs }) => time(waitMs, "p50"), align: "right", rank: 5 },
  { title: "RUN P50", value: ({ runMs }) => time(runMs, "p50"), align: "right", rank: 5 },
  { title: "WORKERS", value: ({ workers }) => countsText(workers), shrinks: true, rank: 6 },
];

function print({ out }: Context, rows: readonly Row[]): void {
  out.table(rows, columns);
  for (const { runtime, errors } of rows)
    if (Object.keys(errors).length > 0) out.note(`${runtime ?? "all"}: ${countsText(errors)}`);
}

function countsText(counts: Readonly<Record<string, number>>): string | null {
  const parts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return parts.length === 0 ? null : parts.join(", ");
}

async function writeReport(path: string, report: object): Promise<void> {
  const { writeFile } = await import("node:fs/promises");
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`).catch((error: unknown) => {
    throw new Failure("state/unwritable", `the report cannot be written to ${path}`, {
      why: String(error),
    });
  });
}
