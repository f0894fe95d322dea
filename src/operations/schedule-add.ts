import { z } from "zod";
import { Name, Scheduled, ScheduleView } from "../protocol/timetable.ts";
import { nextFireMs, parseRecurrence } from "../scheduler/recurrence.ts";
import { tooLarge } from "../scheduler/refusals.ts";
import { Failure } from "../std/failure.ts";
import { hostTimeZone } from "../std/time-zone.ts";
import type { Context } from "./context.ts";
import { refuseOtherSchedule } from "./key-limits.ts";
import { operation } from "./operation.ts";
import { viewScheduleById } from "./schedule-view.ts";
import { refuseOnceOnly, refuseSentFiles, scheduledJobs } from "./scheduled-jobs.ts";

export const scheduleAdd = operation({
  route: "POST /schedules",
  summary: "Submit a job again and again, by a cron line",
  who: "all",
  input: z.strictObject({
    line: z.string().max(500),
    timeZone: z.string().nullable().default(null).describe("an IANA name; null = the host's own"),
    name: Name.optional().describe("unique; made from the runtime or the program when left out"),
    missed: z
      .enum(["skip", "once", "all"])
      .default("skip")
      .describe(
        "what becomes of fires while the daemon was down: none, one for all, or each of the newest 100",
      ),
    overlap: z
      .boolean()
      .default(false)
      .describe("fire also while the last job is unfinished; else that fire is skipped"),
    scheduled: Scheduled,
  }),
  output: ScheduleView,
  async run(ctx, input, caller) {
    const { line, timeZone } = parseRecurrence(input.line, input.timeZone, hostTimeZone());
    const { scheduled, missed, overlap } = input;
    refuseOnceOnly(scheduled);
    refuseOtherSchedule(caller, scheduled, true);
    refuseSentFiles(ctx, scheduled);
    for (const { lane } of await scheduledJobs(ctx, scheduled, caller)) {
      const refusal = tooLarge(ctx.state(), lane);
      if (refusal?.ok === false)
        throw new Failure(refusal.code, refusal.message, { hint: refusal.hint ?? undefined });
    }
    const schedule = {
      name: input.name ?? freeName(ctx, scheduled),
      ...{ line, timeZone, missed, overlap },
      submission: JSON.stringify(scheduled),
      uid: caller.uid,
      user: caller.user,
    };
    const [id] = await ctx.ask({ type: "add-schedule", schedule });
    return viewScheduleById(ctx, id);
  },
});

/** "train", and if that is taken "train-2" and so on. */
function freeName(ctx: Context, { verb, submission }: Scheduled): string {
  const word = verb === "submit" ? submission.runtime : (submission.command[0] ?? "");
  const text = (word.split("/").at(-1) ?? "").replace(/[^\w.-]+/g, "-").slice(0, 40);
  const base = text === "" || /^\d+$/.test(text) ? "schedule" : text;
  const taken = new Set([...ctx.state().schedules.values()].map(({ name }) => name));
  for (let count = 1; ; count++) {
    const name = count === 1 ? base : `${base}-${count}`;
    if (!taken.has(name)) return name;
  }
}

const MAX_NEXT = 100;

export const scheduleNext = operation({
  // Not below /schedules, where it would hide a schedule of the name "next".
  route: "GET /cron-fires",
  summary: "When a cron line fires next",
  who: "all",
  input: z.strictObject({
    line: z.string().max(500),
    timeZone: z.string().optional(),
    count: z.coerce.number<number | string>().int().min(1).max(MAX_NEXT).default(5),
  }),
  output: z.object({
    line: z.string(),
    timeZone: z.string(),
    fires: z.array(z.iso.datetime()),
  }),
  async run(ctx, input) {
    const recurrence = parseRecurrence(input.line, input.timeZone ?? null, hostTimeZone());
    const fires: string[] = [];
    let atMs = nextFireMs(recurrence, ctx.clock.nowMs());
    while (atMs !== null && fires.length < input.count) {
      fires.push(new Date(atMs).toISOString());
      atMs = nextFireMs(recurrence, atMs);
    }
    return { line: recurrence.line, timeZone: recurrence.timeZone, fires };
  },
});
