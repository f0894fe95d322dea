import type { Caller } from "../protocol/operation.ts";
import type { Scheduled } from "../protocol/timetable.ts";
import type { NewJob } from "../scheduler/events.ts";
import { Failure } from "../std/failure.ts";
import type { Context } from "./context.ts";
import { newCommandJob } from "./new-command-job.ts";
import { newRuntimeJob } from "./new-job.ts";
import { UPLOAD } from "./own-files.ts";

/** The jobs of one run of a schedule, made now: by the runtimes and the config as they are. @throws Failure of many kinds */
export async function scheduledJobs(
  ctx: Context,
  scheduled: Scheduled,
  owner: Pick<Caller, "uid" | "user" | "key">,
): Promise<NewJob[]> {
  const { uid, user, key } = owner;
  const caller: Caller = { uid, user, pid: 0, ...(key && { key }) };
  await ctx.users?.know(caller.uid);
  await ctx.groups.know(caller);
  return [
    scheduled.verb === "run"
      ? newCommandJob(ctx, scheduled.submission, caller)
      : newRuntimeJob(ctx, scheduled.submission, caller),
  ];
}

/** A file that was sent is kept while a job needs it, and a schedule is none. @throws Failure param/invalid */
export function refuseSentFiles({ runtimes }: Context, { verb, submission }: Scheduled): void {
  if (verb === "run") return;
  const { params } = runtimes.get(submission.runtime);
  for (const [name, value] of Object.entries(submission.params)) {
    if (params[name]?.type !== "file" || typeof value !== "string" || !value.startsWith(UPLOAD)) continue;
    throw new Failure("param/invalid", `param "${name}": a schedule cannot have a file that was sent`, {
      why: "such a file is kept for a job, and removed after it",
      hint: "orch schedule add, on the host, takes a path",
    });
  }
}

/** What names a time or a job is right once at most. @throws Failure usage/invalid */
export function refuseOnceOnly({ submission: { options } }: Scheduled): void {
  const { begin, deadline, after, afterAny, afterFailed } = options;
  const flag =
    begin !== null
      ? "--begin"
      : deadline !== null
        ? "--deadline"
        : [after, afterAny, afterFailed].some((ids) => ids.length > 0)
          ? "--after"
          : null;
  if (flag === null) return;
  throw new Failure("usage/invalid", `what is submitted again and again cannot have ${flag}`, {
    why: "it names one time or one job",
    hint: flag === "--deadline" ? "--time limits how long each run may take" : `leave ${flag} out`,
  });
}
