import type { GpuView } from "../../protocol/views.ts";
import { formatBytes } from "../../std/bytes.ts";
import { Failure } from "../../std/failure.ts";
import { type Command, command, commandGroup, type Parser } from "../command.ts";
import type { Context } from "../context.ts";
import { listCommand } from "../list/list-command.ts";
import {
  gpuColumns,
  gpuFields,
  hasTopology,
  instanceColumns,
  processColumns,
  processRows,
  topologyColumns,
} from "../text/gpu-text.ts";

interface Options {
  readonly processes?: boolean;
  readonly history?: boolean;
  readonly since?: string;
  readonly until?: string;
  readonly gpu?: string;
}

const describeHistory = (parser: Parser): Parser =>
  parser
    .option("--history", "what they did: load, memory and power as curves, and who held them")
    .option("--since <time>", "with --history: from then on, e.g. 30m, 7d, 14:30 (default: 2h)")
    .option("--until <time>", "with --history: up to then (default: now)")
    .option("--gpu <gpu>", "with --history: this one alone, by index or UUID");

const list = listCommand({
  name: "gpus ls",
  summary:
    "List GPUs with their memory, leases, links, and whoever else is on them; or what they did (--history)",
  examples: [
    "orch gpus",
    "orch gpus --processes",
    "orch gpus --filter 'memory.freeBytes > 10GiB' -q",
    "orch gpus --history --since 1d --gpu 0",
  ],
  describe: (parser) =>
    describeHistory(
      parser.option("--processes", "ask the driver for its processes now, and list those of workers, too"),
    ),
  rows: "gpus",
  fields: gpuFields,
  id: (gpu: GpuView) => gpu.uuid,
  columns: () => gpuColumns,
  fetch(client, options: Options) {
    refuseWithoutHistory(options);
    return client.call("GET /gpus", options.processes === true ? { processes: true } : {});
  },
  empty: "no GPUs; orch doctor gpus says why",
  below: (gpus, context, options) => belowGpus(gpus, context, options.processes === true),
  notes: ({ gpus }) => notesOn(gpus),
});

const clear = command({
  name: "gpus clear",
  summary: "Look at a GPU in quarantine again, and put it back into use if it is in order",
  examples: ["orch gpus clear 0"],
  describe: (parser) => parser.argument("<gpu>", "index or UUID"),
  async run({ out, connect }, [gpu = ""]) {
    const client = await connect();
    const cleared = await client.call("POST /gpus/:gpu/clear", { gpu });
    out.result(cleared, {
      ids: [cleared.uuid],
      text: () => out.print(`GPU ${cleared.index} is in use again`),
    });
    return 0;
  },
});

const history = command<Options>({
  name: "gpus --history",
  summary: "What the GPUs did: load, memory and power as curves, and who held them",
  examples: ["orch gpus --history", "orch gpus --history --since 7d --gpu 0", "orch gpus --history --json"],
  describe: describeHistory,
  async run(context, _args, options) {
    const { printGpuHistory } = await import("../print-gpu-history.ts");
    return printGpuHistory(context, options);
  },
});

const listOrHistory: Command = {
  ...list,
  execute: (context, argv) => (argv.includes("--history") ? history : list).execute(context, argv),
};

export const gpus = commandGroup(
  "gpus",
  "List GPUs, and put those that were taken out of use back",
  [listOrHistory, clear],
  listOrHistory,
);

/** @throws Failure usage/invalid */
function refuseWithoutHistory({ since, until, gpu }: Options): void {
  const given = Object.entries({ since, until, gpu }).find(([, value]) => value !== undefined);
  if (given === undefined) return;
  throw new Failure("usage/invalid", `--${given[0]} is for --history`, {
    hint: `orch gpus --history --${given[0]} ${given[1]}`,
  });
}

/** Links, instances and processes, as far as there are any. */
function belowGpus(gpus: readonly GpuView[], { io, out }: Context, all: boolean): string[] {
  const instances = gpus.filter(({ parent }) => parent !== null);
  const processes = processRows(gpus).filter((row) => all || row.worker === null);
  const tables = [
    hasTopology(gpus) ? out.tableLines(gpus, topologyColumns(gpus)) : [],
    instances.length > 0 ? out.tableLines(instances, instanceColumns()) : [],
    processes.length > 0 ? out.tableLines(processes, processColumns(io.clock.nowMs())) : [],
  ];
  return tables.flatMap((lines) => (lines.length === 0 ? [] : ["", ...lines]));
}

function notesOn(gpus: readonly GpuView[]): string[] {
  return gpus.flatMap(({ index, quarantine, memory, processes }) => [
    ...(quarantine === null
      ? []
      : [`GPU ${index}: out of use, ${quarantine.text}; mended: orch gpus clear ${index}`]),
    ...(memory.foreignBytes > 0 && processes.every((process) => process.worker !== null)
      ? [
          `GPU ${index}: ${formatBytes(memory.foreignBytes)} is held by programs that the driver does not name`,
        ]
      : []),
  ]);
}
