import { resolve } from "node:path";
import type { RuntimeDetail } from "../../protocol/learned-view.ts";
import type { RuntimeView } from "../../protocol/views.ts";
import { formatBytes } from "../../std/bytes.ts";
import { formatDurationMs } from "../../std/duration.ts";
import type { FieldsOf } from "../../std/filter/fields.ts";
import { command, commandGroup } from "../command.ts";
import { listCommand } from "../list/list-command.ts";
import type { Output } from "../output.ts";
import { flagName } from "../submit/param-flags.ts";
import { paramHelp } from "../submit/params.ts";
import { groupFields, laneFields } from "../text/lane-text.ts";
import type { Column } from "../text/table.ts";

const fields: FieldsOf<RuntimeView> = {
  name: "text",
  summary: "text",
  origin: ["project", "user", "system", "shipped"],
  dir: "text",
  engine: "text",
  protocol: "text",
  "gpu.count": "number",
  "gpu.vramBytes": "bytes",
  "gpu.mode": ["exclusive", "shared"],
  "gpu.vendor": ["nvidia", "amd"],
  "gpu.mps.isOn": "flag",
  "gpu.mps.threads": "number",
  slots: "number",
  "replicas.min": "number",
  "replicas.max": "number",
  keepAliveMs: "duration",
  "timeouts.readyMs": "duration",
  "timeouts.jobMs": "duration",
  "timeouts.stopMs": "duration",
  "params.name": "text",
  "params.type": ["string", "integer", "number", "boolean", "file"],
  "params.required": "flag",
  "params.default": "text",
  "params.help": "text",
  "params.load": "flag",
  "params.min": "number",
  "params.max": "number",
  "params.multipleOf": "number",
  "params.choices": "text",
  "params.accept": "text",
  outputs: "text",
  switchMs: "duration",
  problem: "text",
};

const columns: readonly Column<RuntimeView>[] = [
  { title: "NAME", value: (runtime) => runtime.name, shrinks: true, rank: 9 },
  { title: "ORIGIN", value: (runtime) => runtime.origin, rank: 2 },
  { title: "ENGINE", value: (runtime) => runtime.engine, rank: 3 },
  { title: "GPUS", value: gpuNeed, rank: 5 },
  {
    title: "SWITCH",
    value: (runtime) => (runtime.switchMs === null ? null : formatDurationMs(runtime.switchMs)),
    rank: 4,
  },
  { title: "SUMMARY", value: (runtime) => runtime.summary, shrinks: true, rank: 7 },
  {
    title: "PROBLEM",
    value: (runtime) => runtime.problem,
    colour: (runtime) => (runtime.problem === null ? undefined : "red"),
    shrinks: true,
    rank: 6,
  },
];

const list = listCommand({
  name: "runtimes ls",
  summary: "List the runtimes there are",
  examples: [
    "orch runtimes ls",
    "orch runtimes ls --filter 'problem != null'",
    "orch runtimes ls --sort -switchMs",
  ],
  rows: "runtimes",
  fields,
  id: (runtime: RuntimeView) => runtime.name,
  columns: () => columns,
  fetch: (client) => client.call("GET /runtimes", {}),
  empty: "no runtimes",
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

const build = command({
  name: "runtimes build",
  summary: "Build the image of a container runtime from its Dockerfile",
  examples: ["orch runtimes build sdxl"],
  describe: (parser) => parser.argument("<runtime>", "name of the runtime"),
  async run({ out, connect, signal }, [runtime = ""]) {
    const client = await connect();
    for await (const line of client.stream("POST /runtimes/:runtime/build", { runtime }, { signal })) {
      if (out.format.json) out.printJsonLine(line);
      else if (line.type === "log") out.note(line.text);
      else out.print(line.image);
    }
    return signal.aborted ? 130 : 0;
  },
});

const reset = command({
  name: "runtimes reset",
  summary: "Try a runtime again at once whose workers failed to start or crashed",
  examples: ["orch runtimes reset sdxl"],
  describe: (parser) => parser.argument("<runtime>", "name of the runtime"),
  async run({ out, connect }, [runtime = ""]) {
    const client = await connect();
    const done = await client.call("POST /runtimes/:runtime/reset", { runtime });
    out.result(done, { ids: [runtime], text: () => out.print(`${runtime} is tried again at once`) });
    return 0;
  },
});

export const runtimes = commandGroup(
  "runtimes",
  "List, show, check and build runtimes",
  [list, show, validate, build, forget, reset],
  list,
);

function gpuNeed(runtime: RuntimeView): string {
  const { count, vramBytes, mode } = runtime.gpu;
  if (count === 0) return "none";
  return vramBytes === null ? `${count} ${mode}` : `${count} ${mode} ${formatBytes(vramBytes)}`;
}

/** What is declared, or how it is decided where nothing is. */
function readyWithin(readyMs: number | null): string {
  return readyMs === null ? "learned" : formatDurationMs(readyMs);
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
    ["ready within", readyWithin(runtime.timeouts.readyMs)],
    ["outputs", runtime.outputs.join(", ") || null],
  ]);
  if (runtime.params.length > 0) {
    out.print("");
    out.table(runtime.params, [
      { title: "PARAMETER", value: (param) => `--${flagName(param.name)}`, rank: 1 },
      { title: "MEANING", value: paramHelp, shrinks: true },
    ]);
  }
  for (const lane of runtime.lanes) {
    out.print("");
    out.fields(laneFields(lane));
  }
  if (runtime.groups.length > 0) {
    out.print("");
    out.table(groupFields(runtime.groups), [
      { title: "JOBS LIKE", value: ([group]) => group },
      { title: "RUN", value: ([, run]) => run, shrinks: true },
    ]);
  }
}
