import { createReadStream, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { PolicyReport, SimReport, SimResult } from "../../replay/main.ts";
import { parseBytes } from "../../std/bytes.ts";
import { formatDurationMs, parseDurationMs } from "../../std/duration.ts";
import { errnoOf, Failure } from "../../std/failure.ts";
import { flagReader, integerFlag } from "../arguments.ts";
import { command, type Parser } from "../command.ts";
import type { Context } from "../context.ts";
import type { Column } from "../text/table.ts";

interface Options {
  readonly gpus?: number;
  readonly vram?: number;
  readonly switch?: number;
  readonly stop?: number;
  readonly residents?: number;
  readonly replicas?: number;
  readonly policy?: string[];
  readonly html?: string;
}

export const sim = command<Options>({
  name: "sim",
  summary: [
    "Replay a trace of jobs in virtual time, through the scheduler that the daemon runs. No daemon is needed.",
    "",
    "A trace is CSV with the columns arrival_s, model and run_s in any order, and optionally user, priority, gpus (0 = it needs none) and vram_gib (a shared lease of that size); others are ignored. Lines that are not in order of arrival are sorted. Percentiles are by nearest rank.",
  ].join("\n"),
  examples: [
    "orch sim trace.csv",
    "orch sim trace.csv --gpus 2 --switch 1s --policy all --html report.html",
    "orch history --trace | orch sim - --residents 2 --json",
  ],
  describe,
  async run(context, [given = ""], options) {
    const name = given === "-" ? "stdin" : given;
    const { simulate } = await import("../../replay/main.ts");
    const result = await simulate({
      chunks: readText(context, given),
      name,
      host: {
        gpus: options.gpus ?? 1,
        gpuBytes: options.vram ?? 24 * 2 ** 30,
        residents: options.residents ?? 1,
        replicas: options.replicas ?? 1,
        switchMs: options.switch ?? 22_000,
        stopMs: options.stop ?? 0,
      },
      policies: options.policy ?? ["orch"],
      wantsPage: options.html !== undefined,
    });
    print(context, result, options.html);
    return 0;
  },
});

function describe(parser: Parser): void {
  parser
    .argument("<trace>", 'a CSV file, or "-" for stdin')
    .option("--gpus <count>", "GPUs of the host (default: 1)", integerFlag("--gpus", 1, 1_024))
    .option("--vram <size>", "memory of each GPU (default: 24GiB)", readBytes)
    .option("--switch <time>", "start of a model (default: 22s)", flagReader("--switch", parseDurationMs))
    .option("--stop <time>", "stop of a model (default: 0s)", flagReader("--stop", parseDurationMs))
    .option(
      "--residents <count>",
      "models that share a GPU, each with a lease of its share (default: 1)",
      integerFlag("--residents", 1, 64),
    )
    .option(
      "--replicas <count>",
      "workers a model may have at once (default: 1)",
      integerFlag("--replicas", 1, 1_024),
    )
    .option("--policy <names>", "policies to compare, with commas, or all (default: orch)", readNames)
    .option("--html <file>", "also write a page with the waits and the residency timeline");
}

function readNames(text: string): string[] {
  return text.split(",").map((name) => name.trim());
}

const readBytes = flagReader("--vram", (text) => {
  const bytes = parseBytes(text);
  if (bytes > 0) return bytes;
  throw new Failure("usage/invalid", "a GPU has some memory", { hint: "--vram 24GiB" });
});

/** The text of the trace, chunk by chunk. @throws Failure file/missing, file/unreadable */
async function* readText({ io }: Context, given: string): AsyncGenerator<string, void, undefined> {
  try {
    const input = given === "-" ? io.stdin : createReadStream(resolve(io.cwd, given));
    const decoder = new TextDecoder();
    for await (const chunk of input as AsyncIterable<Buffer | string>) {
      yield typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    }
    yield decoder.decode();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    if (errno === "ENOENT") {
      throw new Failure("file/missing", `there is no file "${given}"`, { hint: "orch sim --help" });
    }
    throw new Failure("file/unreadable", `cannot read "${given}"`, { why: errno, cause: error });
  }
}

function print({ io, out }: Context, { report, page }: SimResult, html: string | undefined): void {
  if (html !== undefined && page !== null) writePage(resolve(io.cwd, html), page);
  const { outOfOrder, jobs } = report.trace;
  if (outOfOrder > 0)
    out.note(`${outOfOrder} of ${jobs} lines were not in order of arrival; they were sorted`);
  out.result(report, {
    ids: report.policies.map(({ policy }) => policy),
    text() {
      out.table(report.policies, columns);
      out.hint(describeHost(report));
    },
  });
  if (html !== undefined) out.note(`wrote ${html}`);
}

function writePage(path: string, page: string): void {
  try {
    writeFileSync(path, page);
  } catch (error) {
    throw new Failure("usage/invalid", `cannot write ${path}`, {
      why: errnoOf(error),
      hint: "orch sim TRACE.csv --html report.html",
      cause: error,
    });
  }
}

function describeHost({ host, trace }: SimReport): string {
  const cost = formatDurationMs((host.switchS + host.stopS) * 1000);
  return `${trace.models} models on ${host.gpus} GPU(s) with ${host.residents} at a time, ${cost} per switch; waits in seconds`;
}

const seconds = (value: number): string => (value < 100 ? value.toFixed(1) : value.toFixed(0));
const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;

const columns: readonly Column<PolicyReport>[] = [
  { title: "POLICY", value: (row) => row.policy },
  { title: "JOBS", align: "right", value: (row) => row.jobs },
  { title: "SWITCHES", align: "right", value: (row) => row.switches },
  { title: "MEAN_S", align: "right", value: (row) => seconds(row.waitS.mean) },
  { title: "P50_S", align: "right", value: (row) => seconds(row.waitS.p50) },
  { title: "P95_S", align: "right", value: (row) => seconds(row.waitS.p95) },
  { title: "P99_S", align: "right", value: (row) => seconds(row.waitS.p99) },
  { title: "MAX_S", align: "right", value: (row) => seconds(row.waitS.max) },
  { title: "MAKESPAN_S", align: "right", value: (row) => seconds(row.makespanS) },
  { title: "BUSY", align: "right", value: (row) => percent(row.gpuBusyShare) },
  { title: "SWITCHING", align: "right", value: (row) => percent(row.switchShare) },
];
