import type { ApiKeyView } from "../../protocol/api-keys.ts";
import { type ApiLimit, type ApiScope, apiScopes } from "../../std/api-key.ts";
import { formatDurationMs, parseDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";
import type { FieldsOf } from "../../std/filter/fields.ts";
import { formatWhen } from "../../std/format-when.ts";
import { hostTimeZone } from "../../std/time-zone.ts";
import { flagReader, wordsFlag } from "../arguments.ts";
import { command, commandGroup, type Parser } from "../command.ts";
import type { Context } from "../context.ts";
import { listCommand } from "../list/list-command.ts";
import { readTime } from "../submit/job-options.ts";
import type { Column } from "../text/table.ts";

interface AddFlags {
  readonly name?: string;
  readonly scope?: ApiScope[];
  readonly runtime?: string[];
  readonly rate?: ApiLimit;
  readonly quota?: ApiLimit;
  readonly expires?: string;
  readonly user?: string;
}

const words = (text: string, before: readonly string[] = []): string[] => [
  ...before,
  ...text.split(",").map((word) => word.trim()),
];

const add = command<AddFlags>({
  name: "keys add",
  summary: "Make an API key for the gateway; it is shown this once",
  examples: [
    "orch keys add laptop",
    "orch keys add ci --scope submit --runtime sdxl --quota 100/d --expires +90d",
    "orch keys add robot --scope read,submit,run --rate 10/s -q | install -m 600 /dev/stdin key",
  ],
  describe: (parser: Parser) =>
    parser
      .argument("[name]", "what it is for; unique")
      .option("--name <name>", "the same as a flag")
      .option(
        "--scope <scopes>",
        "read, submit, run (commands: as good as a shell), admin (default: read,submit)",
        wordsFlag("--scope", apiScopes),
      )
      .option("--runtime <names>", "jobs of these runtimes alone", words)
      .option("--rate <count/time>", "requests, e.g. 10/s or 600/h", flagReader("--rate", parseLimit))
      .option("--quota <count/time>", "jobs it may submit, e.g. 100/d", flagReader("--quota", parseLimit))
      .option("--expires <time>", 'refused from then on, e.g. +90d or "2026-12-31"')
      .option("--user <name>", "whose jobs they are (default: yours)"),
  async run(context, [word], flags) {
    const { io, out } = context;
    const { expires, scope } = flags;
    const name = onlyName(word, flags.name);
    const expiresAtMs = expires === undefined ? undefined : readTime("--expires", expires, io.clock.nowMs());
    const client = await context.connect();
    const made = await client.call("POST /keys", {
      name,
      ...(scope === undefined ? {} : { scopes: scope }),
      ...(flags.runtime === undefined ? {} : { runtimes: flags.runtime }),
      ...(flags.rate === undefined ? {} : { rate: flags.rate }),
      ...(flags.quota === undefined ? {} : { quota: flags.quota }),
      ...(expiresAtMs === undefined ? {} : { expires: expiresAtMs }),
      ...(flags.user === undefined ? {} : { user: flags.user }),
    });
    out.result(made, { ids: [made.key], text: () => showMade(context, made) });
    return 0;
  },
});

/** The name, as a word or as a flag. @throws Failure usage/invalid for none, and for two that differ */
function onlyName(word: string | undefined, flag: string | undefined): string {
  const name = word ?? flag;
  if (name === undefined) {
    throw new Failure("usage/invalid", "the key has no name", { hint: "orch keys add NAME" });
  }
  if (flag === undefined || flag === name) return name;
  throw new Failure("usage/invalid", `the key has two names: ${name}, and --name ${flag}`, {
    hint: `orch keys add ${name}`,
  });
}

/** "10/s", "600/15m". @throws Failure usage/invalid */
function parseLimit(text: string): ApiLimit {
  const [, count, span = ""] = /^([1-9]\d{0,8})\/(.+)$/.exec(text.trim()) ?? [];
  if (count !== undefined) {
    const perMs = parseDurationMs(/^\d/.test(span) ? span : `1${span}`);
    if (perMs >= 1000) return { count: Number(count), perMs };
  }
  throw new Failure("usage/invalid", `"${text}" is not so many in a time of a second or more`, {
    hint: "write it like 10/s, 600/h or 100/d",
  });
}

interface Made {
  readonly key: string;
  readonly about: ApiKeyView;
  readonly gateway: { readonly url: string | null; readonly detail: string | null } | null;
}

function showMade({ out, io }: Context, { key, about, gateway }: Made): void {
  out.fields([
    ["key", key],
    ["id", about.id],
    ["name", about.name],
    ["user", about.user],
    ["scopes", about.scopes.join(", ")],
    ["runtimes", about.runtimes?.join(", ") ?? null],
    ["rate", about.rate === null ? null : limitText(about.rate)],
    ["quota", about.quota === null ? null : limitText(about.quota)],
    ["expires", whenText(about.expiresAt, io.clock.nowMs())],
  ]);
  out.note("the key is shown this once: only a digest of it is kept");
  for (const note of gatewayNotes(gateway)) out.note(note);
}

const fields: FieldsOf<ApiKeyView> = {
  id: "text",
  name: "text",
  user: "text",
  scopes: "text",
  runtimes: "text",
  "rate.count": "number",
  "rate.perMs": "number",
  "quota.count": "number",
  "quota.perMs": "number",
  createdAt: "time",
  expiresAt: "time",
  usedAt: "time",
  state: ["valid", "expired"],
};

const list = listCommand({
  name: "keys ls",
  summary: "List the API keys, and say whether the gateway listens",
  examples: ["orch keys ls", "orch keys ls --filter 'state = expired' -q"],
  rows: "keys",
  fields,
  id: ({ id }: ApiKeyView) => id,
  columns: (_rows, nowMs) => columnsOf(nowMs),
  fetch: (client) => client.call("GET /keys", {}),
  empty: "no keys; orch keys add --help",
  notes: ({ gateway }) => gatewayNotes(gateway),
});

const remove = command({
  name: "keys rm",
  summary: "Revoke an API key: it is refused from then on, and what it still receives is cut off",
  examples: ["orch keys rm laptop"],
  describe: (parser) => parser.argument("<key>", "its name or id"),
  async run({ out, connect }, [key = ""]) {
    const client = await connect();
    const gone = await client.call("POST /keys/:key/remove", { key });
    out.result(gone, { ids: [gone.id], text: () => out.print(`key ${gone.name} (${gone.id}) is revoked`) });
    return 0;
  },
});

export const keys = commandGroup("keys", "API keys of the gateway", [add, list, remove], list);

function columnsOf(nowMs: number): Column<ApiKeyView>[] {
  return [
    { title: "ID", value: ({ id }) => id, rank: 9 },
    { title: "NAME", value: ({ name }) => name, shrinks: true, rank: 8 },
    { title: "SCOPES", value: ({ scopes }) => scopes.join(","), shrinks: true, rank: 7 },
    { title: "USER", value: ({ user }) => user, shrinks: true, rank: 2 },
    { title: "RUNTIMES", value: ({ runtimes }) => runtimes?.join(",") ?? null, shrinks: true, rank: 3 },
    { title: "RATE", value: ({ rate }) => (rate === null ? null : limitText(rate)), rank: 1 },
    { title: "QUOTA", value: ({ quota }) => (quota === null ? null : limitText(quota)), rank: 4 },
    { title: "USED", value: ({ usedAt }) => whenText(usedAt, nowMs), rank: 5 },
    {
      title: "EXPIRES",
      value: ({ expiresAt }) => whenText(expiresAt, nowMs),
      colour: ({ state }) => (state === "expired" ? "red" : undefined),
      rank: 6,
    },
  ];
}

const units: Readonly<Record<number, string>> = { 1000: "s", 60000: "m", 3600000: "h", 86400000: "d" };

/** As it is typed: "10/s". */
function limitText({ count, perMs }: ApiLimit): string {
  return `${count}/${units[perMs] ?? formatDurationMs(perMs).replaceAll(" ", "")}`;
}

function whenText(at: string | null, nowMs: number): string | null {
  return at === null ? null : formatWhen(Date.parse(at), nowMs, hostTimeZone());
}

function gatewayNotes(gateway: Made["gateway"]): string[] {
  if (gateway === null) return ["the gateway is off: set gateway: { listen: 127.0.0.1:7707 } in config.yaml"];
  return [
    ...(gateway.url === null ? [] : [`gateway: ${gateway.url}`]),
    ...(gateway.detail === null ? [] : [gateway.detail]),
  ];
}
