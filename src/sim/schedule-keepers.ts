import type { Fire } from "../scheduler/effects.ts";
import type { NewJob, Request } from "../scheduler/events.ts";
import type { State } from "../scheduler/model.ts";
import type { NewSchedule } from "../scheduler/timetable.ts";
import { must } from "../std/assert.ts";
import type { Rng } from "../std/rng.ts";
import type { SimOptions } from "./options.ts";
import { newJob } from "./users.ts";

/** Cron lines for worlds that last a minute or two. In UTC they fire at whole multiples of these times since 1970. */
const PERIODS_MS: Readonly<Record<string, number>> = {
  "*/5 * * * * *": 5_000,
  "*/15 * * * * *": 15_000,
  "* * * * *": 60_000,
};

/** Time from one fire of the line to the next. Milliseconds. */
export function periodMsOf(line: string): number {
  return must(PERIODS_MS[line], `the period of ${line}`);
}

/** What a schedule of these worlds submits, in the text that it keeps. */
interface Submission {
  readonly lane: string;
  readonly jobs: number;
  readonly user: string;
}

/** @param submission as a schedule keeps it */
export function readSubmission(submission: string): Submission {
  return JSON.parse(submission) as Submission;
}

interface KeeperParts {
  readonly rng: Rng;
  readonly options: SimOptions;
  readonly state: State | undefined;
}

/** Asks for a schedule, or for something about one. */
export function chooseScheduleRequest({ rng, options, state }: KeeperParts): Request {
  const known = [...(state?.schedules.values() ?? [])];
  if (known.length === 0 || (known.length < 3 && rng.chance(0.4)))
    return { type: "add-schedule", schedule: chooseSchedule(rng, options) };
  const { id: scheduleId, submission } = rng.pick(known);
  const draw = rng.next();
  if (draw < 0.6) return { type: "pause-schedule", scheduleId, paused: rng.chance(0.4) };
  if (draw < 0.8) return { type: "remove-schedule", scheduleId };
  return {
    type: "fire-schedule",
    scheduleId,
    plannedMs: null,
    jobs: jobsOf(options, submission),
    error: null,
  };
}

function chooseSchedule(rng: Rng, options: SimOptions): NewSchedule {
  const lane = rng.pick(options.lanes).spec.key;
  const [user] = rng.pick(options.habits.users);
  const submission: Submission = { lane, jobs: rng.pick([1, 1, 2]), user };
  return {
    name: `s${rng.below(1_000)}`,
    line: rng.pick(Object.keys(PERIODS_MS)),
    timeZone: "UTC",
    missed: rng.pick(["skip", "once", "all"] as const),
    overlap: rng.chance(0.3),
    submission: JSON.stringify(submission),
    uid: 1000,
    user: "ann",
  };
}

/** What the daemon asks for once a schedule is due. `fails`: its jobs cannot be made this time. */
export function fireRequest(options: SimOptions, state: State, fire: Fire, fails: boolean): Request {
  const schedule = state.schedules.get(fire.scheduleId);
  const jobs = schedule === undefined || fails ? [] : jobsOf(options, schedule.submission);
  return { type: "fire-schedule", ...fire, jobs, error: fails ? "its runtime is gone" : null };
}

function jobsOf({ lanes, habits }: SimOptions, text: string): NewJob[] {
  const { lane, jobs, user } = readSubmission(text);
  const { spec } = must(
    lanes.find((each) => each.spec.key === lane),
    `lane ${lane}`,
  );
  const accounts = must(
    habits.users.find(([own]) => own === user),
    user,
  );
  return Array.from({ length: jobs }, () => newJob(spec, { accounts }));
}
