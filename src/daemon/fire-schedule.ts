import type { Logger } from "pino";
import type { Context } from "../operations/context.ts";
import { scheduledOf } from "../operations/schedule-view.ts";
import { scheduledJobs } from "../operations/scheduled-jobs.ts";
import type { Fire } from "../scheduler/effects.ts";
import type { NewJob } from "../scheduler/events.ts";
import { toFailure } from "../std/failure.ts";

/**
 * Makes the jobs of a schedule that has come due and asks for them. What keeps them from being made (its runtime is gone)
 * is noted with the schedule. Never rejects: a fire that cannot be made durable now is handed out again.
 */
export async function fireSchedule(ctx: Context, log: Logger, fire: Fire): Promise<void> {
  const { scheduleId, plannedMs } = fire;
  try {
    const made = await makeJobs(ctx, scheduleId);
    await ctx.ask({ type: "fire-schedule", scheduleId, plannedMs, ...made });
  } catch (error) {
    const { code, message } = toFailure(error);
    log.warn({ scheduleId, code, err: error }, `a schedule could not fire: ${message}`);
  }
}

async function makeJobs(
  ctx: Context,
  id: number,
): Promise<{ jobs: readonly NewJob[]; error: string | null }> {
  const schedule = ctx.state().schedules.get(id);
  if (schedule === undefined) return { jobs: [], error: null };
  try {
    return { jobs: await scheduledJobs(ctx, scheduledOf(schedule), schedule), error: null };
  } catch (error) {
    const { code, message, why } = toFailure(error);
    if (code === "bug") throw error;
    return { jobs: [], error: why === undefined ? message : `${message}: ${why}` };
  }
}
