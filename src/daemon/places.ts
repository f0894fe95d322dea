import path from "node:path";
import type { Paths } from "../config/paths.ts";
import type { Places } from "../operations/context.ts";

/** Folders hold a thousand jobs each: a million in one folder is slow to list. */
const JOBS_PER_FOLDER = 1000;

export interface DaemonPlaces extends Places {
  attemptLog(jobId: number, attempt: number): string;
  /** Where an `exec` program finds its params, and says how far it is. */
  paramsFile(workerId: number): string;
  eventsFile(workerId: number): string;
  workerSocket(workerId: number): string;
  /** How a worker is spoken to that is not of protocol `orch`; see contact.ts. */
  contactFile(workerId: number): string;
  /** What is of no use once the worker's end is on record. Its log stays. */
  leftovers(workerId: number): readonly string[];
}

/** @param attemptsOf how many attempts a job has had, 0 before the first. */
export function createPlaces(paths: Paths, attemptsOf: (jobId: number) => number): DaemonPlaces {
  const jobDir = (jobId: number): string =>
    path.join(paths.jobsDir, String(Math.floor(jobId / JOBS_PER_FOLDER)), String(jobId));
  const attemptLog = (jobId: number, attempt: number): string =>
    path.join(jobDir(jobId), `attempt-${attempt}.log`);
  const workerDir = (workerId: number): string => path.join(paths.workersDir, String(workerId));
  return {
    jobDir,
    attemptLog,
    jobLog: (jobId) => attemptLog(jobId, Math.max(1, attemptsOf(jobId))),
    jobOutputDir: (jobId) => path.join(jobDir(jobId), "output"),
    workerDir,
    workerLog: (workerId) => path.join(paths.workersDir, `${workerId}.log`),
    paramsFile: (workerId) => path.join(paths.workersDir, `${workerId}.params.json`),
    eventsFile: (workerId) => path.join(paths.workersDir, `${workerId}.events`),
    workerSocket: (workerId) => path.join(paths.runDir, `w${workerId}.sock`),
    contactFile: (workerId) => path.join(paths.workersDir, `${workerId}.contact.json`),
    leftovers: (workerId) => [
      workerDir(workerId),
      path.join(paths.workersDir, `${workerId}.params.json`),
      path.join(paths.workersDir, `${workerId}.events`),
      path.join(paths.workersDir, `${workerId}.contact.json`),
      path.join(paths.runDir, `w${workerId}.sock`),
    ],
    all: {
      config: paths.configFile,
      state: paths.stateDir,
      database: paths.database,
      log: paths.daemonLog,
      jobs: paths.jobsDir,
      workers: paths.workersDir,
      cache: paths.cacheDir,
      socket: paths.socket,
    },
  };
}
