import type { State } from "./model.ts";
import { type Changes, noChanges } from "./transition.ts";

// Requests are jobs whose callers wait on the line: in the same lanes, under the same rules, but nothing of them is stored.
// They are told from other jobs by their ids, which lie between those of the jobs before and after them: ids are order of age,
// and those of jobs have no gaps for requests.

/** So many requests fit between two jobs; ids up to 2^32 stay exact in a double. */
const STEP = 2 ** -20;

/** Whether a job's id is that of a request. */
export function isRequestId(jobId: number): boolean {
  return !Number.isInteger(jobId);
}

/** The id of a new request. */
export function nextRequestId(state: State): number {
  const id = Math.max(state.lastRequestId, state.nextJobId - 1) + STEP;
  // A million without a job between them: one number of a job is left out.
  if (id >= state.nextJobId) {
    state.nextJobId += 1;
    return nextRequestId(state);
  }
  state.lastRequestId = id;
  return id;
}

/** What of a step's changes goes to disk: all but requests. The same object where there are none. */
export function durablePart(changes: Changes): Changes {
  if (!hasRequests(changes)) return changes;
  return {
    ...changes,
    newJobs: changes.newJobs.filter(({ job }) => !isRequestId(job.id)),
    jobs: new Set([...changes.jobs].filter(({ id }) => !isRequestId(id))),
    ended: changes.ended.filter(({ job }) => !isRequestId(job.id)),
    attemptsStarted: changes.attemptsStarted.filter(({ jobId }) => !isRequestId(jobId)),
    attemptsEnded: changes.attemptsEnded.filter(({ jobId }) => !isRequestId(jobId)),
    log: changes.log.filter(({ jobId }) => jobId === null || !isRequestId(jobId)),
  };
}

function hasRequests({ newJobs, jobs, ended, attemptsStarted, attemptsEnded }: Changes): boolean {
  for (const { job } of newJobs) if (isRequestId(job.id)) return true;
  for (const { id } of jobs) if (isRequestId(id)) return true;
  for (const { job } of ended) if (isRequestId(job.id)) return true;
  for (const { jobId } of attemptsStarted) if (isRequestId(jobId)) return true;
  for (const { jobId } of attemptsEnded) if (isRequestId(jobId)) return true;
  return false;
}

/** What a request leaves behind: what was learned of its lane, use of GPUs, since when a worker is idle. */
const tallies: ReadonlySet<string> = new Set<keyof Changes>(["lanes", "accounts", "runGroups", "workers"]);

/** Whether the changes are such as may be written later, and be lost with the daemon. */
export function isTallyAlone(changes: Changes): boolean {
  for (const [name, part] of Object.entries(changes) as [string, Set<unknown> | unknown[]][])
    if (!tallies.has(name) && (part instanceof Set ? part.size : part.length) > 0) return false;
  return true;
}

/** Changes that are written later than they were made, in one with those of another step. */
export function withTallies(changes: Changes, earlier: Changes): Changes {
  const gone = new Set(changes.workersGone.map(({ worker }) => worker));
  return {
    ...changes,
    lanes: new Set([...earlier.lanes, ...changes.lanes]),
    accounts: new Set([...earlier.accounts, ...changes.accounts]),
    runGroups: new Set([...earlier.runGroups, ...changes.runGroups]),
    workers: new Set([...[...earlier.workers].filter((worker) => !gone.has(worker)), ...changes.workers]),
  };
}

/** No changes that are owed to the disk. */
export const nothingOwed: Changes = noChanges();
