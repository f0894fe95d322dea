import type { GpuView } from "../../protocol/views.ts";
import { formatBytes } from "../../std/bytes.ts";
import { command, commandGroup } from "../command.ts";
import type { Context } from "../context.ts";
import {
  gpuColumns,
  hasTopology,
  instanceColumns,
  processColumns,
  processRows,
  topologyColumns,
} from "../text/gpu-text.ts";

interface Options {
  readonly processes?: boolean;
}

const list = command<Options>({
  name: "gpus ls",
  summary: "List GPUs with their memory, leases, links, and whoever else is on them",
  examples: ["orch gpus", "orch gpus --processes", "orch gpus --json"],
  describe: (parser) =>
    parser.option("--processes", "ask the driver for its processes now, and list those of workers, too"),
  async run({ io, out, connect }, _args, options) {
    const all = options.processes === true;
    const client = await connect();
    const { gpus } = await client.call("GET /gpus", all ? { processes: true } : {});
    out.result(
      { gpus },
      { ids: gpus.map((gpu) => gpu.uuid), text: () => printGpus(out, gpus, all, io.clock.nowMs()) },
    );
    return 0;
  },
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

export const gpus = commandGroup(
  "gpus",
  "List GPUs, and put those that were taken out of use back",
  [list, clear],
  list,
);

function printGpus(out: Context["out"], gpus: readonly GpuView[], all: boolean, nowMs: number): void {
  if (gpus.length === 0) return out.note("no GPUs");
  out.table(gpus, gpuColumns);
  if (hasTopology(gpus)) {
    out.print("");
    out.table(gpus, topologyColumns(gpus));
  }
  const instances = gpus.filter(({ parent }) => parent !== null);
  if (instances.length > 0) {
    out.print("");
    out.table(instances, instanceColumns());
  }
  const rows = processRows(gpus).filter((row) => all || row.worker === null);
  if (rows.length > 0) {
    out.print("");
    out.table(rows, processColumns(nowMs));
  }
  for (const gpu of gpus) {
    if (gpu.quarantine !== null)
      out.note(`GPU ${gpu.index}: out of use, ${gpu.quarantine.text}; mended: orch gpus clear ${gpu.index}`);
    if (gpu.memory.foreignBytes > 0 && gpu.processes.every((process) => process.worker !== null)) {
      const held = formatBytes(gpu.memory.foreignBytes);
      out.note(`GPU ${gpu.index}: ${held} is held by programs that the driver does not name`);
    }
  }
}
