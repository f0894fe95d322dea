import { z } from "zod";
import { JsonValue } from "../protocol/json-value.ts";
import { NameOrId, ScheduleView } from "../protocol/timetable.ts";
import type { Json } from "../std/json.ts";
import { refuseOtherSchedule } from "./key-limits.ts";
import { operation } from "./operation.ts";
import {
  findOwnSchedule,
  findSchedule,
  scheduledOf,
  viewSchedule,
  viewScheduleById,
} from "./schedule-view.ts";
import { scheduledJobs } from "./scheduled-jobs.ts";

const input = z.strictObject({ schedule: NameOrId });

export const schedule = operation({
  route: "GET /schedules/:schedule",
  summary: "Everything about one schedule",
  who: "all",
  input,
  output: ScheduleView.extend({ scheduled: JsonValue }),
  async run(ctx, asked) {
    const found = findSchedule(ctx, asked.schedule);
    if (!ctx.mayRead(found)) return { ...viewSchedule(ctx, found), scheduled: null };
    const { verb, submission } = scheduledOf(found);
    // The environment of a command may hold secrets of its owner, and is of no interest to others.
    const shown = verb === "run" ? { ...submission, env: undefined } : submission;
    const scheduled = JSON.parse(JSON.stringify({ verb, submission: shown })) as Json;
    return { ...viewSchedule(ctx, found), scheduled };
  },
});

export const schedulePause = operation({
  route: "POST /schedules/:schedule/pause",
  summary: "Stop a schedule from firing, or let it go on",
  who: "owner",
  input: input.extend({ paused: z.boolean().default(true) }),
  output: ScheduleView,
  async run(ctx, { schedule: asked, paused }, caller) {
    const found = findOwnSchedule(ctx, asked, caller);
    const { id } = found;
    if (!paused) refuseOtherSchedule(caller, scheduledOf(found));
    await ctx.ask({ type: "pause-schedule", scheduleId: id, paused });
    return viewScheduleById(ctx, id);
  },
});

export const scheduleRemove = operation({
  route: "POST /schedules/:schedule/remove",
  summary: "Remove a schedule; its jobs stay",
  who: "owner",
  input,
  output: ScheduleView,
  async run(ctx, { schedule: asked }, caller) {
    const found = findOwnSchedule(ctx, asked, caller);
    const view = { ...viewSchedule(ctx, found), next: null };
    await ctx.ask({ type: "remove-schedule", scheduleId: found.id });
    return view;
  },
});

export const scheduleRunNow = operation({
  route: "POST /schedules/:schedule/run-now",
  summary: "Submit the job of a schedule once, now; its timetable stays as it is",
  who: "owner",
  input,
  output: z.object({ ids: z.array(z.number().int()) }),
  async run(ctx, { schedule: asked }, caller) {
    const found = findOwnSchedule(ctx, asked, caller);
    refuseOtherSchedule(caller, scheduledOf(found));
    caller.key?.charge(1);
    const jobs = await scheduledJobs(ctx, scheduledOf(found), found);
    const wish = { type: "fire-schedule", scheduleId: found.id, plannedMs: null, jobs, error: null } as const;
    return { ids: [...(await ctx.ask(wish))] };
  },
});
