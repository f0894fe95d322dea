import type { LineOf, OutputOf } from "../../client/client.ts";
import { formatDurationMs } from "../../std/duration.ts";
import { integerFlag } from "../arguments.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import type { Column } from "../text/table.ts";

interface Options {
  readonly trace?: boolean;
  readonly limit?: number;
}

type RuntimeHistory = OutputOf<"GET /history">["runtimes"][number];
type TraceLine = LineOf<"GET /history/trace">;

export const history = command<Options>({
  name: "history",
  summary:
    "Waits, run times and switches of the newest finished jobs, by runtime. --trace prints every finished job that ran as CSV, oldest first, for orch sim.",
  examples: [
    "orch history",
    "orch history --json",
    "orch history --trace > trace.csv && orch sim trace.csv --policy all",
  ],
  describe: (parser) =>
    parser
      .option("--trace", "print arrival_s,model,run_s and more as CSV; with --json one object a line")
      .option(
        "-n, --limit <count>",
        "of the newest jobs (default: 10000)",
        integerFlag("--limit", 1, 100_000),
      ),
  async run(context, _args, options) {
    if (options.trace === true) return printTrace(context);
    const { out } = context;
    const client = await context.connect();
    const answer = await client.call(
      "GET /history",
      options.limit === undefined ? {} : { limit: options.limit },
    );
    out.result(answer, {
      ids: answer.runtimes.map((runtime) => runtime.runtime),
      text() {
        if (answer.runtimes.length > 0) out.table(answer.runtimes, columns);
        else out.note("no job has finished yet");
      },
    });
    return 0;
  },
});

const traceColumns = {
  arrival_s: (line) => line.arrivalS,
  model: (line) => line.model,
  run_s: (line) => line.runS,
  user: (line) => line.user,
  priority: (line) => line.priority,
  gpus: (line) => line.gpus,
  vram_gib: (line) => line.vramGib,
} satisfies Record<string, (line: TraceLine) => string | number | null>;

async function printTrace({ out, connect, signal }: Context): Promise<number> {
  const client = await connect();
  const isCsv = !out.format.json && !out.format.quiet;
  if (isCsv) out.print(Object.keys(traceColumns).join(","));
  for await (const line of client.stream("GET /history/trace", {}, { signal })) {
    if (out.format.json) out.printJsonLine(line);
    else if (out.format.quiet) out.print(String(line.job));
    else
      out.print(
        Object.values(traceColumns)
          .map((column) => quote(column(line)))
          .join(","),
      );
  }
  return 0;
}

/** A field as RFC 4180 has it; null is empty. */
function quote(value: string | number | null): string {
  const text = String(value ?? "");
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const duration = (ms: number | undefined): string | null => (ms === undefined ? null : formatDurationMs(ms));

const columns: readonly Column<RuntimeHistory>[] = [
  { title: "RUNTIME", value: (row) => row.runtime },
  { title: "JOBS", align: "right", value: (row) => row.jobs },
  { title: "FAILED", align: "right", value: (row) => row.failed },
  { title: "WAIT P50", align: "right", value: (row) => duration(row.waitMs?.p50) },
  { title: "P95", align: "right", value: (row) => duration(row.waitMs?.p95) },
  { title: "MAX", align: "right", value: (row) => duration(row.waitMs?.max) },
  { title: "RUN P50", align: "right", value: (row) => duration(row.runMs?.p50) },
  { title: "P95", align: "right", value: (row) => duration(row.runMs?.p95) },
  { title: "MAX", align: "right", value: (row) => duration(row.runMs?.max) },
  { title: "SWITCHES", align: "right", value: (row) => row.switches },
  { title: "START P50", align: "right", value: (row) => duration(row.startMs?.p50) },
];
