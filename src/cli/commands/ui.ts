import type { UiView } from "../../protocol/ui-view.ts";
import type { FieldsOf } from "../../std/filter/fields.ts";
import { type Command, command } from "../command.ts";
import { listCommand } from "../list/list-command.ts";
import { openLink } from "../open-link.ts";
import type { Column } from "../text/table.ts";

interface Options {
  readonly print?: boolean;
}

const fields: FieldsOf<UiView> = {
  name: "text",
  listen: "text",
  url: "text",
  detail: "text",
  runtime: "text",
  "worker.name": "text",
  "worker.state": "text",
};

const columns: readonly Column<UiView>[] = [
  { title: "PAGE", value: ({ name }) => name, shrinks: true, rank: 9 },
  { title: "ADDRESS", value: ({ url, listen }) => url ?? listen, rank: 8 },
  { title: "WORKER", value: ({ worker }) => worker?.name ?? null, shrinks: true, rank: 5 },
  { title: "STATE", value: ({ worker }) => worker?.state ?? null, rank: 6 },
  { title: "NOTE", value: noteOf, shrinks: true, rank: 4 },
];

const list = listCommand({
  name: "ui",
  summary: "Open a worker's own page in a browser, logged in; without a runtime: list such pages",
  examples: ["orch ui", "orch ui comfyui", "orch ui comfyui --print"],
  describe: (parser) =>
    parser
      .argument("[runtime]", "the runtime or alias whose page is to be opened, first")
      .option("--print", "print the link alone; it works in any browser, once"),
  rows: "uis",
  fields,
  id: ({ name }: UiView) => name,
  columns: () => columns,
  fetch: (client) => client.call("GET /uis", {}),
  empty:
    "no worker has a page of its own: write  uis: { RUNTIME: 127.0.0.1:8188 }  below gateway in config.yaml",
});

const one = command<Options>({
  name: "ui",
  summary: list.summary,
  examples: list.examples,
  describe: (parser) =>
    parser
      .argument("<runtime>", "the runtime or alias whose page is to be opened")
      .option("--print", "print the link alone; it works in any browser, once"),
  async run(context, [runtime = ""], options) {
    const client = await context.connect();
    return openLink(context, {
      what: `the page of ${runtime}`,
      path: "/",
      isPrinted: options.print === true,
      make: (bound) => client.call("POST /uis/:ui/login", { ui: runtime, bound }),
    });
  },
});

/** A list, or one page where its runtime is the first word. */
export const ui: Command = {
  ...list,
  execute: (context, argv) => (isOfOne(argv) ? one : list).execute(context, argv),
};

function isOfOne(argv: readonly string[]): boolean {
  return argv[0]?.startsWith("-") === false || argv.includes("--print");
}

function noteOf({ detail, runtime }: UiView): string | null {
  return runtime === null ? "there is no such runtime" : detail;
}
