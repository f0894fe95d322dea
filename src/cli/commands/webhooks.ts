import type { Api } from "../../operations/api.ts";
import { Failure } from "../../std/failure.ts";
import type { FieldsOf } from "../../std/filter/fields.ts";
import { formatWhen } from "../../std/format-when.ts";
import { hostTimeZone } from "../../std/time-zone.ts";
import { flagReader, integerFlag, parseJobId, wordsFlag } from "../arguments.ts";
import { command, commandGroup } from "../command.ts";
import type { Context } from "../context.ts";
import { listCommand } from "../list/list-command.ts";
import type { Colour } from "../output.ts";
import type { Column } from "../text/table.ts";

type WebhookListed = Api["GET /webhooks/:webhook"]["output"];
type WebhookState = WebhookListed["state"];

const states: readonly WebhookState[] = ["open", "done", "dead"];
const events = ["start", "output", "logs", "completed"] as const;

const fields: FieldsOf<WebhookListed> = {
  id: "text",
  job: "number",
  lastJob: "number",
  host: "text",
  events,
  event: events,
  told: events,
  state: states,
  tries: "number",
  detail: "text",
  failingSince: "time",
  nextTry: "time",
  user: "text",
  createdAt: "time",
};

interface ListOptions {
  readonly failed?: boolean;
  readonly job?: number;
  readonly state?: WebhookState[];
  readonly limit?: number;
}

/** As the daemon's own. */
const DEFAULT_LIMIT = 100;

const list = listCommand({
  name: "webhooks ls",
  summary: "List webhooks: whom jobs tell how they come along, and what became of that",
  examples: [
    "orch webhooks ls",
    "orch webhooks ls --failed",
    "orch webhooks ls --job 42",
    "orch webhooks ls --filter 'host = hooks.example.com and tries > 3' --jsonl",
  ],
  describe: (parser) =>
    parser
      .option("--failed", "those that were given up, or whose last try went wrong")
      .option("--job <job>", "those that tell of this job", flagReader("--job", parseJobId))
      .option("--state <state>", "open (not over), done or dead (given up)", wordsFlag("--state", states))
      .option(
        "-n, --limit <count>",
        `at most this many, the newest jobs first (default: ${DEFAULT_LIMIT})`,
        integerFlag("--limit", 1, 1_000),
      ),
  rows: "webhooks",
  fields,
  id: ({ id }: WebhookListed) => id,
  columns: (_rows, nowMs) => columnsOf(nowMs),
  fetch: (client, { failed, job, state, limit }: ListOptions) =>
    client.call("GET /webhooks", {
      ...(failed === true ? { failed } : {}),
      ...(job === undefined ? {} : { job }),
      ...(state === undefined ? {} : { state: onlyState(state) }),
      ...(limit === undefined ? {} : { limit }),
    }),
  empty: ({ failed }) =>
    failed === true ? "no webhook goes wrong" : "no webhooks; orch submit --help: --webhook",
  notes: ({ webhooks: shown, hasMore }) =>
    hasMore
      ? [`${shown.length} webhooks, and there are more; -n ${Math.min(2 * shown.length, 1_000)} lists more`]
      : [],
});

const show = command({
  name: "webhooks show",
  summary: "Show a webhook",
  examples: ["orch webhooks show 42", "orch webhooks show 12-111    # of the end of the jobs 12 to 111"],
  describe: (parser) =>
    parser.argument("<webhook>", "its id: the number of its job, or of the first and last"),
  async run({ io, out, connect }, [webhook = ""]) {
    const client = await connect();
    const view = await client.call("GET /webhooks/:webhook", { webhook });
    out.result(view, { ids: [view.id], text: () => out.fields(linesOf(view, io.clock.nowMs())) });
    return 0;
  },
});

const retry = command<{ failed?: boolean }>({
  name: "webhooks retry",
  summary: "Tell at once what was given up, or waits for its next try",
  examples: ["orch webhooks retry 42", "orch webhooks retry --failed"],
  describe: (parser) =>
    parser
      .argument("[webhook]", "its id")
      .option("--failed", "all of yours that were given up or whose last try went wrong"),
  async run(context, [webhook], { failed }) {
    if ((webhook === undefined) !== (failed === true))
      throw new Failure("usage/invalid", "one webhook is named, or --failed given", {
        hint: "orch webhooks retry 42; orch webhooks retry --failed",
      });
    const client = await context.connect();
    if (webhook === undefined) return retryFailed(context, client);
    const view = await client.call("POST /webhooks/:webhook/retry", { webhook });
    tellRetried(context, [view.id]);
    return 0;
  },
});

export const webhooks = commandGroup(
  "webhooks",
  "Whom jobs tell how they come along, and what became of that",
  [list, show, retry],
  list,
);

type Client = Awaited<ReturnType<Context["connect"]>>;

async function retryFailed(context: Context, client: Client): Promise<number> {
  const retried = new Set<string>();
  for (;;) {
    const part = await client.call("POST /webhooks/retry-failed", {}, { signal: context.signal });
    const before = retried.size;
    for (const id of part.retried) retried.add(id);
    // What was tried again is among the failed ones once more when it went wrong at once.
    if (!part.hasMore || retried.size === before) break;
  }
  tellRetried(context, [...retried]);
  return 0;
}

function tellRetried({ out }: Context, retried: readonly string[]): void {
  out.result(
    { retried },
    {
      ids: retried,
      text() {
        if (retried.length === 0) out.print("no webhook goes wrong");
        for (const id of retried) out.print(`webhook ${id} is tried again`);
      },
    },
  );
  if (retried.length > 0) out.hint("see: orch webhooks ls");
}

/** @throws Failure usage/invalid */
function onlyState(given: readonly WebhookState[]): WebhookState {
  const [state, other] = given;
  if (state !== undefined && other === undefined) return state;
  throw new Failure("usage/invalid", "--state takes one state", { hint: "--filter 'state in (open, dead)'" });
}

function columnsOf(nowMs: number): Column<WebhookListed>[] {
  const zone = hostTimeZone();
  return [
    { title: "ID", value: ({ id }) => id, rank: 9 },
    { title: "EVENT", value: ({ event }) => event, rank: 7 },
    { title: "HOST", value: ({ host }) => host, shrinks: true, rank: 8 },
    { title: "STATE", value: ({ state }) => state, colour: colourOf, rank: 6 },
    { title: "TRIES", value: ({ tries }) => tries, align: "right", rank: 4 },
    { title: "LAST", value: ({ detail }) => detail, shrinks: true, rank: 5 },
    { title: "NEXT TRY", value: ({ nextTry }) => whenText(nextTry, nowMs, zone), rank: 3 },
    { title: "USER", value: ({ user }) => user, shrinks: true, rank: 1 },
    { title: "CREATED", value: ({ createdAt }) => whenText(createdAt, nowMs, zone), rank: 2 },
  ];
}

function whenText(at: string | null, nowMs: number, zone: string): string | null {
  return at === null ? null : formatWhen(Date.parse(at), nowMs, zone);
}

function colourOf({ state, tries }: WebhookListed): Colour | undefined {
  if (state === "dead") return "red";
  if (state === "done") return "green";
  return tries > 0 ? "yellow" : undefined;
}

function linesOf(view: WebhookListed, nowMs: number): (readonly [string, string | number | null])[] {
  const zone = hostTimeZone();
  const state = { open: "not over", done: "all is told", dead: "given up" }[view.state];
  return [
    ["webhook", view.id],
    [
      "tells of",
      view.lastJob === null ? `job ${view.job}` : `the end of the jobs ${view.job} to ${view.lastJob}`,
    ],
    ["host", view.host],
    ["events", view.events.join(", ")],
    ["told", view.told.length === 0 ? null : view.told.join(", ")],
    ["state", `${view.state}: ${state}`],
    ["event", view.state === "done" ? null : view.event],
    ["tries", view.tries],
    ["last", view.detail],
    ["failing since", whenText(view.failingSince, nowMs, zone)],
    ["next try", whenText(view.nextTry, nowMs, zone)],
    ["user", view.user],
    ["created", whenText(view.createdAt, nowMs, zone)],
  ];
}
