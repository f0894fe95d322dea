import type { Treatment } from "../protocol/inputs.ts";
import type { Caller } from "../protocol/operation.ts";
import type { Dependency, NewJob } from "../scheduler/events.ts";
import type { Condition } from "../scheduler/job-model.ts";
import { reservedAccounts } from "../scheduler/reserved.ts";
import { Failure } from "../std/failure.ts";
import type { Context } from "./context.ts";
import { refuseRootsJobs } from "./own-files.ts";

type Treated = Omit<NewJob, "lane" | "payload" | "estimateKey">;

/**
 * Priority, retries, limits, times and dependencies of a new job. A begin that is past means at once.
 * @throws Failure dependency/unknown, job/deadline, usage/invalid
 */
export function treatmentOf(
  ctx: Context,
  options: Treatment,
  caller: Caller,
  defaultLimitMs: number | null,
): Treated {
  refuseRootsJobs(ctx, caller);
  const { begin, deadline } = options;
  if (begin !== null && deadline !== null && deadline <= begin) {
    throw new Failure("job/deadline", "its deadline is before its begin", {
      why: `it would begin ${toText(begin)} and have to be done by ${toText(deadline)}`,
      hint: "give a later --deadline or an earlier --begin",
    });
  }
  return {
    priority: priorityOf(ctx, options.priority),
    retries: options.retries,
    retryDelayMs: options.retryDelayMs,
    timeLimitMs: options.timeLimitMs ?? defaultLimitMs,
    accounts: accountsOf(ctx, caller),
    preemptible: options.preemptible,
    hold: options.hold,
    notBeforeMs: begin,
    deadlineMs: deadline,
    after: dependenciesOf(ctx, options),
  };
}

/** A priority by number or by its name in the config. @throws Failure usage/invalid, with the names */
export function priorityOf({ priorities }: Context, priority: number | string): number {
  if (typeof priority === "number") return priority;
  const known = Object.hasOwn(priorities, priority) ? priorities[priority] : undefined;
  if (known !== undefined) return known;
  const names = Object.entries(priorities).map(([name, value]) => `${name} (${value})`);
  throw new Failure("usage/invalid", `there is no priority "${priority}"`, {
    why: `it is a number from -1000 to 1000 or one of: ${names.join(", ")}`,
    hint: "names for priorities are set in config.yaml: priorities",
  });
}

/** Whose share a caller's jobs count against: the user's own, and those of the user's groups that have quotas or GPUs. */
function accountsOf(ctx: Context, caller: Caller): NewJob["accounts"] {
  const { quotas } = ctx.state().policy;
  const groups = ctx.groups.of(caller).map((name) => `group:${name}`);
  const reserving = reservedAccounts(ctx.state());
  const known = groups.filter(
    (key) => quotas[key] !== undefined || quotas["group:*"] !== undefined || reserving.has(key),
  );
  return [`user:${caller.user}`, ...known];
}

function dependenciesOf(ctx: Context, { after, afterAny, afterFailed }: Treatment): Dependency[] {
  const contradiction = after.find((jobId) => afterFailed.includes(jobId));
  if (contradiction !== undefined) {
    throw new Failure(
      "usage/invalid",
      `it cannot wait for job ${contradiction} both to succeed and to fail`,
      {
        hint: "name the job in --after or in --after-failed, or in --after-any",
      },
    );
  }
  const asked: [readonly number[], Condition][] = [
    [after, "succeeded"],
    [afterFailed, "failed"],
    [afterAny, "any"],
  ];
  return asked.flatMap(([ids, condition]) =>
    [...new Set(ids)].map((jobId) => dependencyOn(ctx, jobId, condition)),
  );
}

function dependencyOn(ctx: Context, jobId: number, condition: Condition): Dependency {
  if (ctx.state().jobs.has(jobId)) return { jobId, condition, outcome: "live" };
  const state = ctx.queries.job(jobId)?.state;
  if (state === "succeeded" || state === "failed" || state === "cancelled")
    return { jobId, condition, outcome: state };
  throw new Failure("dependency/unknown", `there is no job ${jobId} to wait for`, { hint: "orch ls --all" });
}

function toText(atMs: number): string {
  return new Date(atMs).toISOString();
}
