import { z } from "zod";
import { ScheduleView } from "../protocol/timetable.ts";
import { operation } from "./operation.ts";
import { viewSchedule } from "./schedule-view.ts";

export const schedules = operation({
  route: "GET /schedules",
  summary: "List schedules",
  who: "all",
  input: z.strictObject({}),
  output: z.object({ schedules: z.array(ScheduleView) }),
  async run(ctx) {
    return { schedules: [...ctx.state().schedules.values()].map((schedule) => viewSchedule(ctx, schedule)) };
  },
});
