import type { GpuView } from "../../protocol/views.ts";
import { formatBytes } from "../../std/bytes.ts";
import { command } from "../command.ts";
import { gpuColumns } from "../gpu-text.ts";

interface Options {
  readonly processes?: boolean;
}

export const gpus = command<Options>({
  name: "gpus",
  summary: "List GPUs with their memory and leases",
  examples: ["orch gpus", "orch gpus --processes", "orch gpus --json"],
  describe: (parser) => parser.option("--processes", "the processes that hold memory on them, too"),
  async run({ out, connect }, _args, options) {
    const client = await connect();
    const { gpus } = await client.call("GET /gpus", options.processes === true ? { processes: true } : {});
    out.result(
      { gpus },
      {
        ids: gpus.map((gpu) => gpu.uuid),
        text() {
          if (gpus.length === 0) out.note("no GPUs");
          else out.table(gpus, gpuColumns);
          if (options.processes === true) out.table(gpus.flatMap(processRows), processColumns);
        },
      },
    );
    return 0;
  },
});

function processRows(gpu: GpuView): (GpuView["processes"][number] & { gpu: number })[] {
  return gpu.processes.map((process) => ({ ...process, gpu: gpu.index }));
}

type ProcessRow = ReturnType<typeof processRows>[number];

const processColumns = [
  { title: "GPU", value: (row: ProcessRow) => row.gpu, align: "right" },
  { title: "PID", value: (row: ProcessRow) => row.pid, align: "right" },
  { title: "VRAM", value: (row: ProcessRow) => (row.vramBytes === null ? null : formatBytes(row.vramBytes)) },
  { title: "WORKER", value: (row: ProcessRow) => row.worker ?? "(foreign)" },
  { title: "PROGRAM", value: (row: ProcessRow) => row.name },
] as const;
