import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import type { OrchHome } from "../kit/orch-home.ts";
import type { Load, Promised } from "./load.ts";
import type { KillWorld } from "./programs.ts";

interface JobRow {
  readonly id: number;
  readonly state: string;
  readonly attempts: number;
  readonly exit_code: number | null;
  readonly finished_at: number | null;
  readonly reason_text: string | null;
  readonly output: string | null;
  readonly label: string | null;
}

interface AttemptRow {
  readonly job_id: number;
  readonly attempt: number;
  readonly worker_id: number;
  readonly outcome: string | null;
}

/** The states of workers that are there: of programs on the host, and of containers. */
export interface Survivors {
  readonly processes: readonly string[];
  readonly containers: readonly string[];
}

/** The runtimes in containers. */
const CONTAINERS = new Set(["gamma", "delta", "omega"]);

/** The lane of commands without a GPU. */
const COMMAND_LANE = "run#cpu";

/** Looks at what the programs wrote and at what is on disk, and compares; it believes nothing the daemon says. */
export interface Checker {
  /** At any moment: what may never be. */
  look(): string[];
  /** Workers on disk, by what they are. */
  survivors(): Survivors;
  /** Unfinished jobs on disk, without and with a GPU. */
  liveJobs(): { commands: number; gpuJobs: number };
  /** Once nothing runs any more: what must have come of every job. */
  lookAtEnd(): string[];
}

/** A checker that remembers what it saw: finished jobs may never change. */
export function createChecker(home: OrchHome, world: KillWorld, load: Load): Checker {
  const finished = new Map<number, string>();
  const inDatabase = <T>(read: (db: Sqlite.Database) => T): T => {
    const db = new Sqlite(home.database, { readonly: true, fileMustExist: true, timeout: 5000 });
    try {
      return read(db);
    } finally {
      db.close();
    }
  };
  const look = (): string[] => {
    // Read before the database: a run is on record before it begins.
    const runs = readRuns(world);
    return inDatabase((db) => {
      // What was acknowledged by now must be there; what comes while we look need not be in what we read.
      const promised = [...load.promised.values()];
      const jobs = readJobs(db);
      return [
        ...linesOf(join(world.dir, "violations")),
        ...load.refusals,
        ...checkPromised(promised, jobs),
        ...checkRunCounts(runs, jobs),
        ...checkFinished(jobs, finished),
        ...checkLeases(db),
        ...checkFenceFiles(world),
        ...checkDaemonLog(home),
      ];
    });
  };
  return {
    look,
    survivors() {
      if (!existsSync(home.database)) return { processes: [], containers: [] };
      return inDatabase((db) => {
        const live = db
          .prepare("SELECT runtime, state FROM workers WHERE state NOT IN ('gone', 'failed')")
          .all() as { runtime: string; state: string }[];
        const statesOf = (areContainers: boolean): string[] =>
          live.flatMap(({ runtime, state }) => (CONTAINERS.has(runtime) === areContainers ? [state] : []));
        return { processes: statesOf(false), containers: statesOf(true) };
      });
    },
    liveJobs: () =>
      inDatabase((db) => {
        const live = db.prepare("SELECT lane FROM jobs WHERE finished_at IS NULL").pluck().all() as string[];
        const gpuJobs = live.filter((lane) => lane !== COMMAND_LANE).length;
        return { commands: live.length - gpuJobs, gpuJobs };
      }),
    lookAtEnd: () => [
      ...look(),
      ...inDatabase((db) => checkOutcomes(load, readJobs(db), readAttempts(db), world)),
    ],
  };
}

function readJobs(db: Sqlite.Database): Map<number, JobRow> {
  const rows = db
    .prepare("SELECT id, state, attempts, exit_code, finished_at, reason_text, output, label FROM jobs")
    .all() as JobRow[];
  return new Map(rows.map((row) => [row.id, row]));
}

function readAttempts(db: Sqlite.Database): Map<number, readonly AttemptRow[]> {
  const rows = db
    .prepare("SELECT job_id, attempt, worker_id, outcome FROM attempts ORDER BY job_id, attempt")
    .all() as AttemptRow[];
  const byJob = new Map<number, AttemptRow[]>();
  for (const row of rows) byJob.set(row.job_id, [...(byJob.get(row.job_id) ?? []), row]);
  return byJob;
}

function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
}

/** I1: an acknowledged job is never lost. */
function checkPromised(promised: readonly Promised[], jobs: ReadonlyMap<number, JobRow>): string[] {
  return promised.flatMap(({ id, tag, isCancelled }) => {
    const row = jobs.get(id);
    if (row === undefined) return [`I1: job ${id} was acknowledged and is gone`];
    if (row.label !== tag) return [`I1: job ${id} was acknowledged as ${tag} and is now ${row.label}`];
    if (isCancelled && row.state !== "cancelled")
      return [`I1: job ${id} was acknowledged as cancelled and is ${row.state}`];
    return [];
  });
}

/** How often each job has begun to run, by its own word. */
function readRuns(world: KillWorld): Map<number, number> {
  const folder = join(world.dir, "runs");
  return new Map(
    readdirSync(folder).map((id) => [
      Number(id),
      linesOf(join(folder, id)).filter((mark) => mark.startsWith("start")).length,
    ]),
  );
}

/** I1: every run is an attempt on record. */
function checkRunCounts(runs: ReadonlyMap<number, number>, jobs: ReadonlyMap<number, JobRow>): string[] {
  return [...runs].flatMap(([id, count]) => {
    const attempts = jobs.get(id)?.attempts ?? 0;
    return count > attempts ? [`I1: job ${id} ran ${count} times, ${attempts} attempts are on record`] : [];
  });
}

/** I5: what is finished never changes. */
function checkFinished(jobs: ReadonlyMap<number, JobRow>, seen: Map<number, string>): string[] {
  const violations: string[] = [];
  for (const row of jobs.values()) {
    if (row.finished_at === null && !seen.has(row.id)) continue;
    const now = JSON.stringify(row);
    const before = seen.get(row.id) ?? now;
    if (before !== now) violations.push(`I5: finished job ${row.id} changed from ${before} to ${now}`);
    seen.set(row.id, before);
  }
  for (const id of seen.keys()) if (!jobs.has(id)) violations.push(`I5: finished job ${id} is gone`);
  return violations;
}

/** I2 and I3 on disk: one live exclusive lease per GPU; fences grow with every grant. */
function checkLeases(db: Sqlite.Database): string[] {
  const shared = db
    .prepare("SELECT gpu FROM leases WHERE released_at IS NULL GROUP BY gpu HAVING COUNT(*) > 1")
    .pluck()
    .all();
  const fences = db.prepare("SELECT fence FROM workers ORDER BY id").pluck().all() as number[];
  return [
    ...shared.map((gpu) => `I2: ${String(gpu)} has several live leases`),
    ...(isGrowing(fences) ? [] : ["I3: the fences of workers do not grow"]),
  ];
}

/** I3 as the programs saw it. */
function checkFenceFiles(world: KillWorld): string[] {
  const folder = join(world.dir, "fences");
  return readdirSync(folder).flatMap((gpu) => {
    const fences = linesOf(join(folder, gpu)).map(Number);
    return isGrowing(fences) ? [] : [`I3: programs on ${gpu} had fences ${fences.slice(-5).join(", ")}`];
  });
}

function isGrowing(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => number > (numbers[index - 1] ?? 0));
}

/** What the daemon itself calls a bug. Levels are pino's: 50 error, 60 fatal. */
function checkDaemonLog(home: OrchHome): string[] {
  const lines = linesOf(join(home.dir, "state", "daemon.log"));
  return lines.filter((line) => /"level":[56]0/.test(line)).map((line) => `I0: ${line.slice(0, 600)}`);
}

/** I1 in full: every job ended as its program ended, and ran as often as is on record. */
function checkOutcomes(
  load: Load,
  jobs: ReadonlyMap<number, JobRow>,
  attempts: ReadonlyMap<number, readonly AttemptRow[]>,
  world: KillWorld,
): string[] {
  const strangers = readdirSync(join(world.dir, "runs")).filter((id) => !jobs.has(Number(id)));
  return [
    ...strangers.map((id) => `I1: job ${id} ran and is not on record`),
    ...[...jobs.values()].flatMap((row) => {
      const marks = linesOf(join(world.dir, "runs", String(row.id)));
      const record = attempts.get(row.id) ?? [];
      const promise = load.promised.get(row.id);
      const flaws = [
        ...checkRuns(row, record, marks),
        ...(promise === undefined || promise.cancelAsked ? [] : checkPromise(row, promise, marks)),
      ];
      return flaws.map((flaw) => `I1: job ${row.id} (${row.label}) ${flaw}: ${JSON.stringify(row)}`);
    }),
  ];
}

/** Each run is an attempt on record, by the worker on record, and runs follow one another. */
function checkRuns(row: JobRow, record: readonly AttemptRow[], marks: readonly string[]): string[] {
  const starts = marks.filter((mark) => mark.startsWith("start"));
  const workers = new Set(record.map((attempt) => attempt.worker_id));
  const workersSeen = starts.map((mark) => Number(mark.split(" ")[1]));
  const flaws: string[] = [];
  if (row.finished_at === null) flaws.push("never ended");
  if (record.length !== row.attempts) flaws.push(`has ${record.length} attempts on record`);
  if (starts.length > row.attempts) flaws.push(`ran ${starts.length} times`);
  if (!workersSeen.every((worker) => workers.has(worker)))
    flaws.push("ran on a worker that is not on record");
  if (record.some((attempt) => attempt.outcome === null)) flaws.push("has an attempt without an end");
  return flaws;
}

/** A job that nobody cancelled came out as its program did. */
function checkPromise(row: JobRow, promise: Promised, marks: readonly string[]): string[] {
  const runs = promise.exitCode === 0 ? 1 : promise.retries + 1;
  const flaws: string[] = [];
  if (row.state !== (promise.exitCode === 0 ? "succeeded" : "failed")) flaws.push(`is ${row.state}`);
  if (row.exit_code !== promise.exitCode) flaws.push(`should have ended with ${promise.exitCode}`);
  if (marks.filter((mark) => mark.startsWith("start")).length !== runs)
    flaws.push(`did not run ${runs} times`);
  if (marks.filter((mark) => mark.startsWith("end")).length !== runs) flaws.push("was not let finish");
  const hasOutput = !promise.kind.endsWith("command");
  if (hasOutput && row.output !== JSON.stringify({ tag: promise.tag })) flaws.push("lost its output");
  return flaws;
}
