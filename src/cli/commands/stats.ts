import type { OutputOf } from "../../client/client.ts";
import { formatDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";
import type { FieldsOf } from "../../std/filter/fields.ts";
import { flagReader, integerFlag } from "../arguments.ts";
import { listCommand } from "../list/list-command.ts";
import { readPastTime } from "../submit/past-time.ts";
import type { Column } from "../text/table.ts";

type Stats = OutputOf<"GET /stats">;
type Usage = Stats["usage"][number];

const groupings = ["both", "runtime", "user"] as const;

interface Options {
  readonly since?: string;
  readonly by?: (typeof groupings)[number];
  readonly limit?: number;
}

const fields: FieldsOf<Usage> = {
  runtime: "text",
  user: "text",
  jobs: "number",
  failed: "number",
  cancelled: "number",
  gpuHours: "number",
  "waitMs.p50": "duration",
  "waitMs.p90": "duration",
  "waitMs.p99": "duration",
  "runMs.p50": "duration",
  "runMs.p90": "duration",
  "runMs.p99": "duration",
  switches: "number",
  energyKwh: "number",
  cost: "number",
};

const span = (ms: number | undefined): string | null => (ms === undefined ? null : formatDurationMs(ms));

const columns: readonly Column<Usage>[] = [
  { title: "RUNTIME", value: ({ runtime }) => runtime, shrinks: true, rank: 9 },
  { title: "USER", value: ({ user }) => user, shrinks: true, rank: 8 },
  { title: "JOBS", value: ({ jobs }) => jobs, align: "right", rank: 8 },
  { title: "FAILED", value: ({ failed }) => failed, align: "right", rank: 5 },
  { title: "GPU-HOURS", value: ({ gpuHours }) => figure(gpuHours), align: "right", rank: 7 },
  { title: "WAIT P50", value: ({ waitMs }) => span(waitMs?.p50), align: "right", rank: 6 },
  { title: "P90", name: "wait-p90", value: ({ waitMs }) => span(waitMs?.p90), align: "right", rank: 3 },
  { title: "P99", name: "wait-p99", value: ({ waitMs }) => span(waitMs?.p99), align: "right", rank: 2 },
  { title: "RUN P50", value: ({ runMs }) => span(runMs?.p50), align: "right", rank: 6 },
  { title: "P90", name: "run-p90", value: ({ runMs }) => span(runMs?.p90), align: "right", rank: 3 },
  { title: "P99", name: "run-p99", value: ({ runMs }) => span(runMs?.p99), align: "right", rank: 2 },
  { title: "SWITCHES", value: ({ switches }) => switches, align: "right", rank: 4 },
  { title: "KWH", value: ({ energyKwh }) => figure(energyKwh), align: "right", rank: 4 },
  { title: "COST", value: ({ cost }) => figure(cost), align: "right", rank: 4 },
];

export const stats = listCommand({
  name: "stats",
  summary: "What finished jobs took, by runtime and user: GPU-hours, waits, run times, switches and energy",
  examples: ["orch stats --since 7d", "orch stats --by user --sort -gpuHours", "orch stats --json"],
  describe: (parser) =>
    parser
      .option("--since <time>", "only jobs that ended since then, e.g. 7d, 2026-12-01")
      .option("--by <what>", `a line for each ${groupings.join(", ")} (default: both)`, groupingOf)
      .option(
        "-n, --limit <count>",
        "of the newest jobs (default: 10000)",
        integerFlag("--limit", 1, 100_000),
      ),
  rows: "usage",
  fields,
  id: ({ runtime, user }: Usage) => [runtime, user].filter((name) => name !== null).join(" "),
  columns: () => columns,
  fetch: (client, { since, by, limit }: Options, { io }) =>
    client.call("GET /stats", {
      ...(since === undefined ? {} : { since: sinceOf(since, io.clock.nowMs()) }),
      ...(by === undefined ? {} : { by }),
      ...(limit === undefined ? {} : { limit }),
    }),
  empty: "no job has finished yet",
  notes: (document: Stats) => [totalOf(document)],
});

function sinceOf(text: string, nowMs: number): string {
  return new Date(flagReader("--since", (typed) => readPastTime(typed, nowMs))(text)).toISOString();
}

function groupingOf(text: string): (typeof groupings)[number] {
  const known = groupings.find((each) => each === text);
  if (known !== undefined) return known;
  throw new Failure("usage/invalid", `--by: unknown value "${text}"`, {
    hint: `use ${groupings.join(", ")}`,
  });
}

function totalOf({ total, energyPrice }: Stats): string {
  const energy =
    total.energyKwh === null
      ? ""
      : `, about ${figure(total.energyKwh)} kWh (the GPUs' power while jobs ran)${
          total.cost === null ? "" : ` for ${figure(total.cost)} at ${energyPrice} each`
        }`;
  return `${total.jobs} jobs, ${figure(total.gpuHours)} GPU-hours${energy}`;
}

/** Three digits that count, of what is not next to nothing. */
function figure(value: number): string;
function figure(value: number | null): string | null;
function figure(value: number | null): string | null {
  if (value === null) return null;
  if (value > 0 && value < 0.001) return "<0.001";
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
