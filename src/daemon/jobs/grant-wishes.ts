import { hostname } from "node:os";
import type { Launch } from "../../engine/engine.ts";
import type { Job } from "../../scheduler/job-model.ts";
import { runWishes } from "../../std/run-wishes.ts";
import type { JobRow } from "../../store/queries.ts";

/**
 * Grants what `orch run` asked for around a command: a copy of its output, a signal before the end of its time, the
 * variables of Slurm. All of it is done by programs of the job itself, as its user, so that it outlives the daemon.
 */
export function grantWishes(launch: Launch, job: Job, row: JobRow): Launch {
  const { env, cwd } = launch;
  const {
    [runWishes.output]: output,
    [runWishes.error]: error,
    [runWishes.append]: append,
    [runWishes.signal]: signal,
    [runWishes.slurm]: slurm,
    ...others
  } = env;
  const isAppending = append === "1" || job.attempts > 1;
  const inner = signal === undefined ? launch.argv : withSignal(launch.argv, signal);
  const file = (pattern: string): string => fillPattern(pattern, job, row);
  return {
    ...launch,
    cwd,
    argv:
      output === undefined
        ? inner
        : withCopies(inner, {
            output: file(output),
            error: error === undefined ? "" : file(error),
            isAppending,
          }),
    env: slurm === undefined ? others : { ...others, ...slurmEnv(job, row) },
  };
}

/** The variables that sbatch's scripts expect, as far as only the start knows them. */
function slurmEnv(job: Job, row: JobRow): Record<string, string> {
  return {
    SLURM_JOB_ID: String(job.id),
    SLURM_JOBID: String(job.id),
    SLURM_JOB_USER: row.user,
    ...(row.arrayId === null ? {} : { SLURM_ARRAY_JOB_ID: String(row.arrayId) }),
    ...(row.arrayIndex === null ? {} : { SLURM_ARRAY_TASK_ID: String(row.arrayIndex) }),
    ...(job.attempts > 1 ? { SLURM_RESTART_COUNT: String(job.attempts - 1) } : {}),
  };
}

/** What Slurm gives as the array index of a job that is in no array: 2^32 - 2. */
const NO_INDEX = 4_294_967_294;

/**
 * Fills in a name of a file as sbatch does: %j job, %A array (else job), %a index, %x name, %u user, %N host, %% a percent
 * sign; %4j is padded with zeros. A backslash anywhere leaves all as it is; what is unknown stays.
 */
export function fillPattern(
  pattern: string,
  job: Pick<Job, "id">,
  row: Pick<JobRow, "arrayId" | "arrayIndex" | "label" | "summary" | "user">,
): string {
  if (pattern.includes("\\")) return pattern.replaceAll("\\", "");
  const values: Readonly<Record<string, string>> = {
    "%": "%",
    A: String(row.arrayId ?? job.id),
    J: String(job.id),
    N: hostname().split(".")[0] ?? "",
    a: String(row.arrayIndex ?? NO_INDEX),
    j: String(job.id),
    n: "0",
    s: "batch",
    t: "0",
    u: row.user,
    // A name is no path.
    x: (row.label ?? row.summary).replaceAll("/", "_"),
  };
  return pattern.replace(/%(\d{0,2})([%AJNajnstux])/g, (_, width: string, letter: string) =>
    (values[letter] ?? "").padStart(/[AJajnt]/.test(letter) ? Math.min(10, Number(width)) : 0, "0"),
  );
}

/** The command becomes the shell that starts the timer, so that the signal finds it by its pid. */
const TIMER = '(sleep "$1" && kill -s "$0" $$) </dev/null >/dev/null 2>&1 & shift; exec "$@"';

function withSignal(argv: readonly string[], wish: string): readonly string[] {
  const [name = "", seconds = ""] = wish.split(" ");
  return ["/bin/sh", "-c", TIMER, name, seconds, ...argv];
}

/**
 * Runs a command with its output going to files, too: the first is for stdout, the second for stderr, or empty for both in
 * one. `tee` reads from a pipe with a name, so that the command stays in the foreground: signals reach it as ever, its exit
 * code is that of the whole, and what it leaves in the background holds nobody up for longer than a moment.
 */
const COPIES = `
out=$1 err=$2 mode=$3
shift 3
trap : HUP INT QUIT TERM USR1 USR2
fail() { echo "orch: cannot copy the output to $1" >&2; exit 125; }
dir=$(mktemp -d) || fail "$out"
copy() { # file, where else it goes, name of the pipe
  if [ -n "$mode" ]; then true >>"$1"; else true >"$1"; fi || fail "$1"
  mkfifo "$dir/$3" || fail "$1"
  (trap '' HUP INT QUIT TERM USR1 USR2; exec tee -a -- "$1" <"$dir/$3" >&"$2") &
  tees="$tees $!"
}
tees=
copy "$out" 1 o
exec 4>"$dir/o" 5>&4
if [ -n "$err" ] && [ "$err" != "$out" ]; then
  copy "$err" 2 e
  exec 5>"$dir/e"
fi
rm -rf "$dir"
"$@" >&4 2>&5 4>&- 5>&-
code=$?
exec 4>&- 5>&-
(sleep 2; kill -KILL $tees) >/dev/null 2>&1 &
late=$!
wait $tees
kill $late 2>/dev/null
exit $code
`;

function withCopies(
  argv: readonly string[],
  { output, error, isAppending }: { output: string; error: string; isAppending: boolean },
): readonly string[] {
  return ["/bin/sh", "-c", COPIES, "orch-output", output, error, isAppending ? "append" : "", ...argv];
}
