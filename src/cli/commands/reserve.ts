import type { ReservationView } from "../../protocol/timetable.ts";
import { parseDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";
import type { FieldsOf } from "../../std/filter/fields.ts";
import { formatWhen } from "../../std/format-when.ts";
import { hostTimeZone } from "../../std/time-zone.ts";
import { flagReader, integerFlag } from "../arguments.ts";
import { type Command, command, commandGroup, type Parser } from "../command.ts";
import type { Context } from "../context.ts";
import { listCommand } from "../list/list-command.ts";
import { readTime } from "../submit/job-options.ts";
import type { Column } from "../text/table.ts";

interface AddFlags {
  readonly gpus?: number;
  readonly gpu?: string[];
  readonly start?: string;
  readonly for?: number;
  readonly until?: string;
  readonly user?: string[];
  readonly group?: string[];
  readonly name?: string;
}

const words = (text: string, before: readonly string[] = []): string[] => [
  ...before,
  ...text.split(",").map((word) => word.trim()),
];

const add = command<AddFlags>({
  name: "reserve add",
  summary: "Keep GPUs for some users for a while: others' jobs use them only if they end before",
  examples: [
    'orch reserve add --gpus 1 --start "tomorrow 09:00" --for 2h --name demo',
    "orch reserve add --gpu 0,1 --for 30m --user alice,bob",
    'orch reserve add --gpus 2 --start "mon 08:00" --until "mon 12:00" --group students',
  ],
  describe: (parser: Parser) =>
    parser
      .option(
        "--gpus <count>",
        "how many (default: as many as --gpu names, else 1)",
        integerFlag("--gpus", 1, 64),
      )
      .option("--gpu <gpus>", "of these, by index or UUID (default: idle ones first)", words)
      .option("--start <time>", 'when it begins, e.g. "tomorrow 09:00", +1h (default: now)')
      .option("--for <duration>", "how long, e.g. 2h", flagReader("--for", parseDurationMs))
      .option("--until <time>", "or until when")
      .option("--user <names>", "whose jobs may use them (default: yours)", words)
      .option("--group <names>", "Unix groups whose members' jobs may use them", words)
      .option("--name <name>", "a name for people"),
  async run(context, _args, flags) {
    const { io, out } = context;
    const nowMs = io.clock.nowMs();
    const startMs = flags.start === undefined ? nowMs : readTime("--start", flags.start, nowMs);
    const client = await context.connect();
    const made = await client.call("POST /reservations", {
      start: startMs,
      end: endOf(flags, startMs, nowMs),
      ...(flags.gpus === undefined ? {} : { gpus: flags.gpus }),
      ...(flags.gpu === undefined ? {} : { gpu: flags.gpu }),
      ...(flags.user === undefined ? {} : { users: flags.user }),
      ...(flags.group === undefined ? {} : { groups: flags.group }),
      ...(flags.name === undefined ? {} : { name: flags.name }),
    });
    out.result(made, { ids: [made.id], text: () => out.print(sentence(made, io.clock.nowMs())) });
    return 0;
  },
});

function endOf(flags: AddFlags, startMs: number, nowMs: number): number {
  if (flags.for !== undefined && flags.until !== undefined)
    throw new Failure("usage/invalid", "--for and --until say the same thing twice", {
      hint: "leave one out",
    });
  if (flags.for !== undefined) return startMs + flags.for;
  if (flags.until !== undefined) return readTime("--until", flags.until, nowMs);
  throw new Failure("usage/invalid", "how long is not said", { hint: "add --for 2h" });
}

const fields: FieldsOf<ReservationView> = {
  id: "number",
  name: "text",
  state: ["planned", "active"],
  "gpus.index": "number",
  "gpus.uuid": "text",
  start: "time",
  end: "time",
  users: "text",
  groups: "text",
  owner: "text",
};

const list = listCommand({
  name: "reserve ls",
  summary: "List reservations",
  examples: ["orch reserve ls", "orch reserve ls --filter 'users = ada' --sort start"],
  rows: "reservations",
  fields,
  id: ({ id }: ReservationView) => id,
  columns: (_rows, nowMs) => columnsOf(nowMs),
  fetch: (client) => client.call("GET /reservations", {}),
  empty: "no reservations; orch reserve add --help",
});

const remove = command({
  name: "reserve rm",
  summary: "Give a reservation up",
  examples: ["orch reserve rm demo"],
  describe: (parser) => parser.argument("<reservation>", "name or id"),
  async run({ out, connect }, [reservation = ""]) {
    const client = await connect();
    const gone = await client.call("POST /reservations/:reservation/remove", { reservation });
    const text = `reservation ${gone.name} (${gone.id}) is given up`;
    out.result(gone, { ids: [gone.id], text: () => out.print(text) });
    return 0;
  },
});

/** `orch reserve --gpus 1 --for 2h` can only mean one thing. */
const addOrList: Command = {
  ...list,
  execute(context: Context, argv) {
    const isAdd = argv.some((word) => /^--(gpus?|start|for|until|user|group|name)(=|$)/.test(word));
    return (isAdd ? add : list).execute(context, argv);
  },
};

export const reserve = commandGroup(
  "reserve",
  "Keep GPUs for some users for a while",
  [add, list, remove],
  addOrList,
);

function sentence(view: ReservationView, nowMs: number): string {
  const zone = hostTimeZone();
  const start = formatWhen(Date.parse(view.start), nowMs, zone);
  const end = formatWhen(Date.parse(view.end), nowMs, zone);
  const head = `reservation ${view.name} (${view.id}): GPU ${gpuText(view)} is for ${forText(view)}`;
  return view.state === "active" ? `${head}; it ends ${end}` : `${head}; it begins ${start}, and ends ${end}`;
}

function columnsOf(nowMs: number): Column<ReservationView>[] {
  const zone = hostTimeZone();
  return [
    { title: "ID", value: ({ id }) => id, align: "right", rank: 4 },
    { title: "NAME", value: ({ name }) => name, shrinks: true, rank: 9 },
    {
      title: "STATE",
      value: ({ state }) => state,
      colour: ({ state }) => (state === "active" ? "green" : undefined),
      rank: 3,
    },
    { title: "GPUS", value: gpuText, shrinks: true, rank: 8 },
    {
      title: "FROM",
      value: ({ start }) => formatWhen(Date.parse(start), nowMs, zone),
      shrinks: true,
      rank: 7,
    },
    { title: "UNTIL", value: ({ end }) => formatWhen(Date.parse(end), nowMs, zone), shrinks: true, rank: 6 },
    { title: "FOR", value: forText, shrinks: true, rank: 5 },
    { title: "BY", value: ({ owner }) => owner, shrinks: true, rank: 2 },
  ];
}

function gpuText({ gpus }: ReservationView): string {
  return gpus.map(({ index, uuid }) => index ?? uuid).join(",");
}

function forText({ users, groups }: ReservationView): string {
  return [...users, ...groups.map((group) => `group ${group}`)].join(", ");
}
