import type { GpuView } from "../../protocol/views.ts";
import { formatBytes } from "../../std/bytes.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { gpuColumns, hasTopology, processColumns, processRows, topologyColumns } from "../gpu-text.ts";

interface Options {
  readonly processes?: boolean;
}

export const gpus = command<Options>({
  name: "gpus",
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

function printGpus(out: Context["out"], gpus: readonly GpuView[], all: boolean, nowMs: number): void {
  if (gpus.length === 0) return out.note("no GPUs");
  out.table(gpus, gpuColumns);
  if (hasTopology(gpus)) {
    out.print("");
    out.table(gpus, topologyColumns(gpus));
  }
  const rows = processRows(gpus).filter((row) => all || row.worker === null);
  if (rows.length > 0) {
    out.print("");
    out.table(rows, processColumns(nowMs));
  }
  for (const gpu of gpus) {
    if (gpu.memory.foreignBytes > 0 && gpu.processes.every((process) => process.worker !== null)) {
      const held = formatBytes(gpu.memory.foreignBytes);
      out.note(`GPU ${gpu.index}: ${held} is held by programs that the driver does not name`);
    }
  }
}
