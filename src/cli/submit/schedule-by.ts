import type { Client } from "../../client/client.ts";
import { hostTimeZone } from "../../std/time-zone.ts";
import type { Context } from "../context.ts";
import { scheduleSentence } from "../text/schedule-text.ts";
import type { JobFlags } from "./job-options.ts";
import { refuseMany, refuseUseless, type Scheduled } from "./refuse-scheduled.ts";

interface CronFlags extends JobFlags {
  readonly cron?: string;
  readonly wait?: boolean;
  readonly out?: string;
  readonly detach?: boolean;
}

/** Makes a schedule of what --cron stands beside, and says when it fires. @throws Failure usage/invalid */
export async function scheduleBy(
  { out, io }: Context,
  client: Client,
  flags: CronFlags,
  scheduled: Scheduled,
): Promise<number> {
  refuseMany(flags);
  refuseUseless(flags, ["wait", "out"]);
  const line = flags.cron ?? "";
  const view = await client.call("POST /schedules", { line, timeZone: hostTimeZone(), scheduled });
  out.result(view, { ids: [view.id], text: () => out.print(scheduleSentence(view, io.clock.nowMs())) });
  out.hint(`try it: orch schedule run-now ${view.name}    see: orch schedule ls`);
  return 0;
}
