import { resolve } from "node:path";
import type { RuntimeDetail } from "../../protocol/learned-view.ts";
import type { RuntimeView } from "../../protocol/views.ts";
import { formatBytes } from "../../std/bytes.ts";
import { formatDurationMs } from "../../std/duration.ts";
import { command, commandGroup } from "../command.ts";
import { laneFields } from "../lane-text.ts";
import type { Output } from "../output.ts";
import { flagName } from "../param-flags.ts";
import { paramHelp } from "../params.ts";

const list = command({
  name: "runtimes ls",
  summary: "List the runtimes there are",
  examples: ["orch runtimes ls"],
  async run({ out, connect }) {
    const client = await connect();
    const { runtimes } = await client.call("GET /runtimes", {});
    out.result(
      { runtimes },
      {
        ids: runtimes.map((runtime) => runtime.name),
        text: () => (runtimes.length === 0 ? out.note("no runtimes") : out.table(runtimes, columns)),
      },
    );
    return 0;
  },
});

const show = command({
  name: "runtimes show",
  summary: "Show a runtime with its parameters, and what was learned of it",
  examples: ["orch runtimes show sdxl"],
  describe: (parser) => parser.argument("<runtime>", "name of the runtime"),
  async run({ out, connect }, [runtime = ""]) {
    const client = await connect();
    const view = await client.call("GET /runtimes/:runtime", { runtime });
    out.result(view, { ids: [view.name], text: () => printRuntime(out, view) });
    return 0;
  },
});

const validate = command({
  name: "runtimes validate",
  summary: "Check a runtime.yaml",
  examples: ["orch runtimes validate ./runtimes/sdxl"],
  describe: (parser) => parser.argument("<path>", "runtime.yaml or its folder"),
  async run({ io, out, connect }, [path = ""]) {
    const client = await connect();
    const view = await client.call("POST /runtimes/validate", { path: resolve(io.cwd, path) });
    out.result(view, { ids: [view.name], text: () => out.print(`runtime ${view.name} is valid`) });
    return 0;
  },
});

const forget = command({
  name: "runtimes forget",
  summary: "Forget what was measured of a runtime, after its model or the hardware changed",
  examples: ["orch runtimes forget sdxl"],
  describe: (parser) => parser.argument("<runtime>", "name of the runtime"),
  async run({ out, connect }, [runtime = ""]) {
    const client = await connect();
    const forgotten = await client.call("POST /runtimes/:runtime/forget", { runtime });
    const text = `times and memory of ${forgotten.lanes.join(", ") || runtime} are learned anew`;
    out.result(forgotten, { ids: [forgotten.runtime], text: () => out.print(text) });
    return 0;
  },
});

export const runtimes = commandGroup(
  "runtimes",
  "List, show and check runtimes",
  [list, show, validate, forget],
  list,
);

const columns = [
  { title: "NAME", value: (runtime: RuntimeView) => runtime.name },
  { title: "ORIGIN", value: (runtime: RuntimeView) => runtime.origin },
  { title: "ENGINE", value: (runtime: RuntimeView) => runtime.engine },
  { title: "GPUS", value: gpuNeed },
  {
    title: "SWITCH",
    value: (runtime: RuntimeView) => (runtime.switchMs === null ? null : formatDurationMs(runtime.switchMs)),
  },
  { title: "SUMMARY", value: (runtime: RuntimeView) => runtime.summary },
  {
    title: "PROBLEM",
    value: (runtime: RuntimeView) => runtime.problem,
    colour: (runtime: RuntimeView) => (runtime.problem === null ? undefined : "red"),
  },
] as const;

function gpuNeed(runtime: RuntimeView): string {
  const { count, vramBytes, mode } = runtime.gpu;
  if (count === 0) return "none";
  return vramBytes === null ? `${count} ${mode}` : `${count} ${mode} ${formatBytes(vramBytes)}`;
}

function printRuntime(out: Output, runtime: RuntimeDetail): void {
  out.fields([
    ["runtime", runtime.name],
    ["summary", runtime.summary],
    ["problem", runtime.problem],
    ["folder", runtime.dir],
    ["origin", runtime.origin],
    ["engine", `${runtime.engine}, protocol ${runtime.protocol}`],
    ["gpus", gpuNeed(runtime)],
    ["slots", runtime.slots],
    ["replicas", `${runtime.replicas.min} to ${runtime.replicas.max}`],
    ["keep alive", runtime.keepAliveMs === null ? "for ever" : formatDurationMs(runtime.keepAliveMs)],
    ["ready within", formatDurationMs(runtime.timeouts.readyMs)],
    ["outputs", runtime.outputs.join(", ") || null],
  ]);
  if (runtime.params.length > 0) {
    out.print("");
    out.table(runtime.params, [
      { title: "PARAMETER", value: (param) => `--${flagName(param.name)}` },
      { title: "MEANING", value: paramHelp },
    ]);
  }
  for (const lane of runtime.lanes) {
    out.print("");
    out.fields(laneFields(lane));
  }
}
