import type { ScheduleView } from "../../protocol/timetable.ts";
import { formatWhen } from "../../std/format-when.ts";
import { hostTimeZone } from "../../std/time-zone.ts";
import { integerFlag, wordFlag } from "../arguments.ts";
import { command, commandGroup } from "../command.ts";
import type { Context } from "../context.ts";
import { listCommand } from "../list/list-command.ts";
import { scheduleColumns, scheduleFields, scheduleLines, scheduleSentence } from "../text/schedule-text.ts";

interface AddFlags {
  readonly tz?: string;
  readonly missed?: ScheduleView["missed"];
  readonly overlap?: boolean;
  readonly name?: string;
}

const add = command<AddFlags>({
  name: "schedule add",
  summary: "Submit a job again and again, by a cron line",
  examples: [
    'orch schedule add "0 3 * * *" --name nightly -- run --gpus 1 -- python train.py',
    'orch schedule add "*/15 9-17 * * MON-FRI" --tz Europe/Berlin -- submit sdxl --prompt "a fox"',
    "orch schedule add @daily --missed once -- run -- ./backup.sh",
  ],
  describe: (parser) =>
    parser
      .usage("LINE [flags] -- run|submit ...")
      .argument("<line>", "minute hour day month weekday, in quotes; or @hourly, @daily, @weekly …")
      .argument("[words...]", "what orch run or orch submit would take; it keeps this folder and environment")
      .option("--tz <zone>", "whose clocks it goes by, e.g. Europe/Berlin (default: this host's)")
      .option(
        "--missed <policy>",
        "fires while the daemon was down: skip them, once = one run for all, all (default: skip)",
        wordFlag("--missed", ["skip", "once", "all"]),
      )
      .option("--overlap", "fire also while the last job is unfinished (default: skip that fire)")
      .option("--name <name>", "default: made from the program or runtime"),
  async run(context, [line = "", ...words], { tz, missed, overlap, name }) {
    const { readScheduled } = await import("../submit/scheduled.ts");
    const client = await context.connect();
    const scheduled = await readScheduled(context, client, words);
    if (scheduled === null) return 0;
    const made = await client.call("POST /schedules", {
      line,
      timeZone: tz ?? hostTimeZone(),
      ...(missed === undefined ? {} : { missed }),
      ...(overlap === true ? { overlap } : {}),
      ...(name === undefined ? {} : { name }),
      scheduled,
    });
    tell(context, made);
    context.out.hint(`try it: orch schedule run-now ${made.name}    see: orch schedule ls`);
    return 0;
  },
});

const list = listCommand({
  name: "schedule ls",
  summary: "List schedules",
  examples: ["orch schedule ls", "orch schedule ls --filter 'not paused' --sort next"],
  rows: "schedules",
  fields: scheduleFields,
  id: ({ id }: ScheduleView) => id,
  columns: (_rows, nowMs) => scheduleColumns(nowMs),
  fetch: (client) => client.call("GET /schedules", {}),
  empty: "no schedules; orch schedule add --help",
});

const show = command({
  name: "schedule show",
  summary: "Show a schedule and what it submits",
  examples: ["orch schedule show nightly"],
  describe: (parser) => parser.argument("<schedule>", "name or id"),
  async run({ io, out, connect }, [schedule = ""]) {
    const client = await connect();
    const view = await client.call("GET /schedules/:schedule", { schedule });
    out.result(view, {
      ids: [view.id],
      text: () =>
        out.fields([...scheduleLines(view, io.clock.nowMs()), ["submits", JSON.stringify(view.scheduled)]]),
    });
    return 0;
  },
});

const pause = command({
  name: "schedule pause",
  summary: "Stop a schedule from firing",
  examples: ["orch schedule pause nightly"],
  describe: (parser) => parser.argument("<schedule>", "name or id"),
  async run(context, [schedule = ""]) {
    const client = await context.connect();
    tell(context, await client.call("POST /schedules/:schedule/pause", { schedule, paused: true }));
    return 0;
  },
});

const resume = command({
  name: "schedule resume",
  summary: "Let a paused schedule go on; it does not make up for what it did not fire",
  examples: ["orch schedule resume nightly"],
  describe: (parser) => parser.argument("<schedule>", "name or id"),
  async run(context, [schedule = ""]) {
    const client = await context.connect();
    tell(context, await client.call("POST /schedules/:schedule/pause", { schedule, paused: false }));
    return 0;
  },
});

const remove = command({
  name: "schedule rm",
  summary: "Remove a schedule; its jobs stay",
  examples: ["orch schedule rm nightly"],
  describe: (parser) => parser.argument("<schedule>", "name or id"),
  async run({ out, connect }, [schedule = ""]) {
    const client = await connect();
    const gone = await client.call("POST /schedules/:schedule/remove", { schedule });
    out.result(gone, {
      ids: [gone.id],
      text: () => out.print(`schedule ${gone.name} (${gone.id}) is removed`),
    });
    return 0;
  },
});

const runNow = command({
  name: "schedule run-now",
  summary: "Submit its job once, now; the timetable stays as it is",
  examples: ["orch schedule run-now nightly", "orch wait $(orch schedule run-now nightly -q)"],
  describe: (parser) => parser.argument("<schedule>", "name or id"),
  async run({ out, connect }, [schedule = ""]) {
    const client = await connect();
    const { ids } = await client.call("POST /schedules/:schedule/run-now", { schedule });
    out.result({ ids }, { ids, text: () => out.print(`job ${ids.join(", ")} submitted`) });
    return 0;
  },
});

const next = command<{ tz?: string; count?: number }>({
  name: "schedule next",
  summary: "Say when a cron line fires",
  examples: ['orch schedule next "0 3 * * *"', 'orch schedule next "30 2 * * *" --tz Europe/Berlin -n 10'],
  describe: (parser) =>
    parser
      .argument("<line>", "a cron line, in quotes")
      .option("--tz <zone>", "whose clocks it goes by (default: this host's)")
      .option("-n, --count <count>", "how many fires (default: 5)", integerFlag("--count", 1, 100)),
  async run({ io, out, connect }, [line = ""], { tz, count }) {
    const client = await connect();
    const asked = { line, timeZone: tz ?? hostTimeZone(), ...(count === undefined ? {} : { count }) };
    const answer = await client.call("GET /cron-fires", asked);
    const nowMs = io.clock.nowMs();
    out.result(answer, {
      ids: answer.fires,
      text: () =>
        out.table(answer.fires, [
          { title: "UTC", value: (at) => at.replace(".000Z", "Z") },
          { title: answer.timeZone, value: (at) => formatWhen(Date.parse(at), nowMs, answer.timeZone) },
        ]),
    });
    return 0;
  },
});

export const schedule = commandGroup(
  "schedule",
  "Submit jobs by cron lines",
  [add, list, show, pause, resume, remove, runNow, next],
  list,
);

function tell({ io, out }: Context, view: ScheduleView): void {
  out.result(view, { ids: [view.id], text: () => out.print(scheduleSentence(view, io.clock.nowMs())) });
}
