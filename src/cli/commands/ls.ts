import { jobFields, jobStates } from "../../protocol/list-fields.ts";
import type { JobView } from "../../protocol/views.ts";
import { systemClock } from "../../std/clock.ts";
import { Failure } from "../../std/failure.ts";
import { LABEL_NAME } from "../../std/label-name.ts";
import { parsePast } from "../../std/past-time.ts";
import { hostTimeZone } from "../../std/time-zone.ts";
import { flagReader, integerFlag, parseJobId, wordsFlag } from "../arguments.ts";
import type { Context } from "../context.ts";
import { listCommand } from "../list/list-command.ts";
import type { ListFlags } from "../list/list-flags.ts";
import { filterInput } from "../list/read-filter.ts";
import { type JobState, jobColumns, unfinishedStates } from "../text/job-text.ts";

/** As the daemon's own. */
const DEFAULT_LIMIT = 50;

interface Options {
  readonly all?: boolean;
  readonly state?: JobState[];
  readonly runtime?: string;
  readonly user?: string;
  readonly label?: string[];
  readonly since?: string;
  readonly array?: number;
  readonly limit?: number;
}

export const ls = listCommand({
  name: "ls",
  summary:
    "List jobs: the unfinished ones, newest first; -a, --since and --filter list the finished ones, too",
  examples: [
    "orch ls",
    "orch ls -a -n 20",
    "orch ls --state failed --runtime sdxl --since 2h",
    "orch ls --label team=vision --watch",
    "orch ls --filter 'state = failed and not exitCode in (1, 2)' --format '{id} {reason.text}'",
    "orch cancel $(orch ls -q)",
  ],
  describe: (parser) =>
    parser
      .option("-a, --all", "finished jobs, too")
      .option(
        "--state <states>",
        `only these, e.g. queued,running (${jobStates.join(", ")})`,
        wordsFlag("--state", jobStates),
      )
      .option("--runtime <name>", "only jobs of this runtime")
      .option("--user <name>", "only jobs of this user")
      .option(
        "--label <label>",
        "only jobs with this label: NAME, or NAME=VALUE; several: with all of them",
        (text: string, before: readonly string[] = []) => [...before, readLabelName(text)],
      )
      .option(
        "--since <time>",
        "only jobs submitted since, e.g. 2h (ago), 2026-12-01, '2026-12-01 09:00'",
        flagReader("--since", checkSince),
      )
      .option("--array <id>", "only jobs of this array", flagReader("--array", parseJobId))
      .option(
        "-n, --limit <count>",
        `at most this many (default: ${DEFAULT_LIMIT})`,
        integerFlag("--limit", 1, 10_000),
      ),
  rows: "jobs",
  fields: jobFields,
  id: (job: JobView) => job.id,
  columns: (jobs, nowMs) => jobColumns(nowMs, jobs),
  daemonFilters: true,
  fetch(client, options: Options & ListFlags, context) {
    const states = statesOf(options);
    const filter = filterOf(options, context);
    return client.call("GET /jobs", {
      ...(states === undefined ? {} : { states }),
      ...(options.runtime === undefined ? {} : { runtime: options.runtime }),
      ...(options.array === undefined ? {} : { array: options.array }),
      ...filterInput(filter, jobFields, context.io.clock.nowMs()),
      ...(options.sort === undefined ? {} : { sort: options.sort }),
      ...(options.limit === undefined ? {} : { limit: options.limit }),
    });
  },
  empty: (options) =>
    statesOf(options) === undefined ? "no jobs" : "no such jobs; orch ls -a lists the finished ones, too",
  notes({ jobs, total }, options) {
    if (total <= jobs.length) return [];
    const isWhole = options.sort === undefined && !isFiltered(options);
    // Of an array or a runtime alone the daemon does not say how many there are.
    const isPart = isWhole && (options.array !== undefined || options.runtime !== undefined);
    if (isPart && jobs.length < (options.limit ?? DEFAULT_LIMIT)) return [];
    if (isPart)
      return [`${jobs.length} jobs; -n ${Math.min(2 * jobs.length, 10_000)} lists more, if there are`];
    if (isWhole) return [`${jobs.length} of ${total} jobs; -n ${Math.min(total, 10_000)} lists more`];
    return [`${jobs.length} jobs, and there are more; -n ${Math.min(2 * jobs.length, 10_000)} lists more`];
  },
});

/** Who asks for a time or a condition wants the finished ones, too. */
function statesOf({ state, all, since, filter }: Options & ListFlags): readonly JobState[] | undefined {
  const isWide = all === true || since !== undefined || filter !== undefined;
  return state ?? (isWide ? undefined : unfinishedStates);
}

function isFiltered({ user, label, since, filter }: Options & ListFlags): boolean {
  return [user, label, since, filter].some((flag) => flag !== undefined);
}

/** The flags as one condition for the daemon; --filter itself was looked at before. @throws Failure usage/invalid */
function filterOf(options: Options & ListFlags, { io }: Context): string | undefined {
  const { user, label = [], since, filter } = options;
  const parts = [
    ...(user === undefined ? [] : [`user = ${quoted(user)}`]),
    ...label.map(labelCondition),
    ...(since === undefined ? [] : [`submittedAt >= ${sinceText(since, io.clock.nowMs())}`]),
    ...(filter === undefined ? [] : [filter]),
  ];
  if (parts.length === 0) return undefined;
  return parts.length === 1 ? parts[0] : parts.map((part) => `(${part})`).join(" and ");
}

function sinceText(since: string, nowMs: number): string {
  return `'${new Date(parsePast(since, nowMs, hostTimeZone())).toISOString()}'`;
}

/** It is reckoned again whenever the daemon is asked. */
function checkSince(text: string): string {
  parsePast(text, systemClock.nowMs(), hostTimeZone());
  return text;
}

/** A name alone is that of a label, or of the job itself. */
function labelCondition(text: string): string {
  const at = text.indexOf("=");
  if (at < 0) return `(label.${text} != null or label = ${quoted(text)})`;
  return `label.${text.slice(0, at)} = ${quoted(text.slice(at + 1))}`;
}

function readLabelName(text: string): string {
  const name = text.split("=")[0] ?? "";
  if (LABEL_NAME.test(name)) return text;
  throw new Failure("usage/invalid", `--label: "${name}" cannot be the name of a label`, {
    why: "it has 1 to 63 letters, digits or any of _ . / -, a letter or digit first",
    hint: "orch ls --label team=vision",
  });
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
