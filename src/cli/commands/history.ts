import type { LineOf, OutputOf } from "../../client/client.ts";
import { formatDurationMs } from "../../std/duration.ts";
import type { FieldsOf } from "../../std/filter/fields.ts";
import { integerFlag } from "../arguments.ts";
import { type Command, command, type Parser } from "../command.ts";
import type { Context } from "../context.ts";
import { listCommand } from "../list/list-command.ts";
import type { Column } from "../text/table.ts";

type RuntimeHistory = OutputOf<"GET /history">["runtimes"][number];
type TraceLine = LineOf<"GET /history/trace">;

const fields: FieldsOf<RuntimeHistory> = {
  runtime: "text",
  jobs: "number",
  failed: "number",
  cancelled: "number",
  switches: "number",
  "waitMs.mean": "duration",
  "waitMs.p50": "duration",
  "waitMs.p95": "duration",
  "waitMs.p99": "duration",
  "waitMs.max": "duration",
  "runMs.mean": "duration",
  "runMs.p50": "duration",
  "runMs.p95": "duration",
  "runMs.p99": "duration",
  "runMs.max": "duration",
  "startMs.mean": "duration",
  "startMs.p50": "duration",
  "startMs.p95": "duration",
  "startMs.p99": "duration",
  "startMs.max": "duration",
};

const duration = (ms: number | undefined): string | null => (ms === undefined ? null : formatDurationMs(ms));

const columns: readonly Column<RuntimeHistory>[] = [
  { title: "RUNTIME", value: (row) => row.runtime, shrinks: true, rank: 9 },
  { title: "JOBS", align: "right", value: (row) => row.jobs, rank: 8 },
  { title: "FAILED", align: "right", value: (row) => row.failed, rank: 5 },
  { title: "WAIT P50", align: "right", value: (row) => duration(row.waitMs?.p50), rank: 6 },
  { title: "P95", name: "wait-p95", align: "right", value: (row) => duration(row.waitMs?.p95), rank: 3 },
  { title: "MAX", name: "wait-max", align: "right", value: (row) => duration(row.waitMs?.max), rank: 2 },
  { title: "RUN P50", align: "right", value: (row) => duration(row.runMs?.p50), rank: 7 },
  { title: "P95", name: "run-p95", align: "right", value: (row) => duration(row.runMs?.p95), rank: 3 },
  { title: "MAX", name: "run-max", align: "right", value: (row) => duration(row.runMs?.max), rank: 2 },
  { title: "SWITCHES", align: "right", value: (row) => row.switches, rank: 4 },
  { title: "START P50", align: "right", value: (row) => duration(row.startMs?.p50), rank: 1 },
];

const about = {
  name: "history",
  summary:
    "Waits, run times and switches of the newest finished jobs, by runtime. --trace prints every finished job that ran as CSV, oldest first, for orch sim.",
  examples: [
    "orch history",
    "orch history --filter 'failed > 0' --sort -runMs.p95",
    "orch history --trace > trace.csv && orch sim trace.csv --policy all",
  ],
  describe: (parser: Parser): Parser =>
    parser
      .option("--trace", "print arrival_s,model,run_s and more as CSV; with --json one object a line")
      .option(
        "-n, --limit <count>",
        "of the newest jobs (default: 10000)",
        integerFlag("--limit", 1, 100_000),
      ),
};

const list = listCommand({
  ...about,
  rows: "runtimes",
  fields,
  id: (row: RuntimeHistory) => row.runtime,
  columns: () => columns,
  fetch: (client, { limit }: { limit?: number }) =>
    client.call("GET /history", limit === undefined ? {} : { limit }),
  empty: "no job has finished yet",
});

const trace = command({ ...about, run: printTrace });

export const history: Command = {
  ...list,
  execute: (context, argv) => (argv.includes("--trace") ? trace : list).execute(context, argv),
};

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
