import type { Client } from "../../client/client.ts";
import type { WorkerView } from "../../protocol/views.ts";
import type { Json } from "../../std/json.ts";
import { command, commandGroup, type Parser } from "../command.ts";
import type { Context } from "../context.ts";
import { listCommand } from "../list/list-command.ts";
import type { Output } from "../output.ts";
import { gatherParams } from "../submit/gather-params.ts";
import { workerColumns, workerFields, workerSentence } from "../text/worker-text.ts";

interface RuntimeFlags {
  readonly param?: string[];
}

const list = listCommand({
  name: "workers ls",
  summary: "List workers",
  examples: ["orch workers ls", "orch workers ls -a", "orch workers ls --filter 'vramBytes > 10GiB' --watch"],
  describe: (parser) => parser.option("-a, --all", "workers that are gone, too"),
  rows: "workers",
  fields: workerFields,
  id: (worker: WorkerView) => worker.name,
  columns: () => workerColumns,
  fetch: (client, options: { all?: boolean }) =>
    client.call("GET /workers", options.all === true ? { all: true } : {}),
  empty: "no workers",
});

const start = command<RuntimeFlags>({
  name: "workers start",
  summary: "Start a worker of a runtime ahead of its first job",
  examples: ["orch workers start sdxl", "orch workers start llm --param model=small"],
  describe: describeRuntime,
  async run(context, [runtime = ""], options) {
    const { out } = context;
    const client = await context.connect();
    const params = await loadParams(context, client, runtime, options);
    tell(out, await client.call("POST /workers/start", { runtime, params }));
    return 0;
  },
});

const stop = command<{ force?: boolean }>({
  name: "workers stop",
  summary: "Stop a worker once its jobs are finished",
  examples: ["orch workers stop sdxl-1", "orch workers stop sdxl-1 --force"],
  describe: (parser) =>
    parser.argument("<worker>", "name or id").option("-f, --force", "at once; its jobs are interrupted"),
  async run({ out, connect }, [worker = ""], options) {
    const client = await connect();
    const input = { worker, ...(options.force === true ? { force: true } : {}) };
    tell(out, await client.call("POST /workers/:worker/stop", input));
    return 0;
  },
});

const switchTo = command<RuntimeFlags & { gpu?: string; detach?: boolean }>({
  name: "workers switch",
  summary: "Put another runtime on a GPU now, and tell what that takes until it is ready",
  examples: ["orch workers switch sdxl", "orch workers switch sdxl --gpu 1", "orch workers switch -d sdxl"],
  describe: (parser) =>
    describeRuntime(parser)
      .option("--gpu <gpu>", "index or UUID; default: the cheapest to free")
      .option("-d, --detach", "return once it has its GPU"),
  async run(context, [runtime = ""], options) {
    const client = await context.connect();
    const params = await loadParams(context, client, runtime, options);
    const input = { runtime, params, ...(options.gpu === undefined ? {} : { gpu: options.gpu }) };
    if (options.detach === true) {
      tell(context.out, await client.call("POST /workers/switch", input));
      return 0;
    }
    const { followSwitch } = await import("../switch/follow-switch.ts");
    return followSwitch(context, client, input);
  },
});

const preload = command<RuntimeFlags>({
  name: "workers preload",
  summary: "Say that a runtime will be wanted soon: it is loaded once nobody waits for a GPU",
  examples: ["orch workers preload sdxl", "orch workers preload llm --param model=small"],
  describe: describeRuntime,
  async run(context, [runtime = ""], options) {
    const { out } = context;
    const client = await context.connect();
    const params = await loadParams(context, client, runtime, options);
    const hint = await client.call("POST /workers/preload", { runtime, params });
    const { worker, lane } = hint;
    const noted = `${lane} is loaded once nobody waits for a GPU; the hint is forgotten at ${hint.until ?? ""}`;
    out.result(hint, {
      ids: worker === null ? [] : [worker.name],
      text: () => out.print(worker === null ? noted : workerSentence(worker)),
    });
    return 0;
  },
});

const pin = command({
  name: "workers pin",
  summary: "Keep a worker on its GPU until it is unpinned",
  examples: ["orch workers pin sdxl-1"],
  describe: (parser) => parser.argument("<worker>", "name or id"),
  async run({ out, connect }, [worker = ""]) {
    const client = await connect();
    tell(out, await client.call("POST /workers/:worker/pin", { worker, pinned: true }));
    return 0;
  },
});

const unpin = command({
  name: "workers unpin",
  summary: "Let a pinned worker be stopped for others again",
  examples: ["orch workers unpin sdxl-1"],
  describe: (parser) => parser.argument("<worker>", "name or id"),
  async run({ out, connect }, [worker = ""]) {
    const client = await connect();
    tell(out, await client.call("POST /workers/:worker/pin", { worker, pinned: false }));
    return 0;
  },
});

const sleep = command({
  name: "workers sleep",
  summary: "Have a worker give its VRAM back and live on, so that it is back in a moment",
  examples: ["orch workers sleep sdxl-1"],
  describe: (parser) => parser.argument("<worker>", "name or id"),
  async run({ out, connect }, [worker = ""]) {
    const client = await connect();
    tell(out, await client.call("POST /workers/:worker/sleep", { worker }));
    return 0;
  },
});

const wake = command({
  name: "workers wake",
  summary: "Wake a worker that sleeps, as soon as there is room",
  examples: ["orch workers wake sdxl-1"],
  describe: (parser) => parser.argument("<worker>", "name or id"),
  async run({ out, connect }, [worker = ""]) {
    const client = await connect();
    tell(out, await client.call("POST /workers/:worker/wake", { worker }));
    return 0;
  },
});

export const workers = commandGroup(
  "workers",
  "List, start, stop, switch, pin workers and put them to sleep",
  [list, start, stop, switchTo, preload, pin, unpin, sleep, wake],
  list,
);

function describeRuntime(parser: Parser): Parser {
  return parser
    .argument("<runtime>", "name of the runtime")
    .option("--param <name=value>", "a load parameter", (pair: string, before: string[] = []) => [
      ...before,
      pair,
    ]);
}

/** The runtime is asked for only when there are parameters to read by its declaration. */
async function loadParams(
  context: Context,
  client: Client,
  runtime: string,
  flags: RuntimeFlags,
): Promise<Record<string, Json>> {
  if (flags.param === undefined) return {};
  const declared = await client.call("GET /runtimes/:runtime", { runtime });
  return gatherParams(context, declared, { param: flags.param, keepsAddresses: false }, {});
}

function tell(out: Output, worker: WorkerView): void {
  out.result(worker, { ids: [worker.name], text: () => out.print(workerSentence(worker)) });
}
