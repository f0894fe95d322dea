import path from "node:path";
import type { Paths } from "../config/paths.ts";
import type { Places } from "../operations/context.ts";

/** Folders hold a thousand jobs each: a million in one folder is slow to list. */
const JOBS_PER_FOLDER = 1000;

export interface DaemonPlaces extends Places {
  /** Where an `exec` program finds its params, and says how far it is. */
  paramsFile(workerId: number): string;
  eventsFile(workerId: number): string;
  workerSocket(workerId: number): string;
  /** A folder of each container: its socket's folder and its secrets lie there, closed to everybody else. */
  containerDir(workerId: number): string;
  containerSocket(workerId: number): string;
  /** Where files of jobs go in and out of a worker's container. */
  exchangeDir(workerId: number): string;
  /** Holds the socket of a worker's terminal; made with the terminal, for its user alone. */
  terminalDir(workerId: number): string;
  /** How a worker is spoken to that is not of protocol `orch`; see contact.ts. */
  contactFile(workerId: number): string;
  /** What is of no use once the worker's end is on record. Its log stays. */
  leftovers(workerId: number): readonly string[];
  /** The same, where it lies in folders that may be another user's: files, and folders that are empty then. */
  leftSockets(workerId: number): readonly string[];
}

/** Where sockets of programs lie that are not the daemon's own user: the folder of the API's socket is for its callers. */
export function sharedRunDir(paths: Pick<Paths, "stateDir">): string {
  return path.join(paths.stateDir, "run");
}

/** Belongs to the user of the workers. */
export function sharedSocketsDir(paths: Pick<Paths, "stateDir">): string {
  return path.join(sharedRunDir(paths), "workers");
}

/**
 * @param attemptsOf how many attempts a job has had, 0 before the first.
 * @param servesMany several users: their programs and the workers do not run as the daemon's own.
 */
export function createPlaces(
  paths: Paths,
  attemptsOf: (jobId: number) => number,
  servesMany = false,
): DaemonPlaces {
  const jobDir = (jobId: number): string =>
    path.join(paths.jobsDir, String(Math.floor(jobId / JOBS_PER_FOLDER)), String(jobId));
  const attemptLog = (jobId: number, attempt: number): string =>
    path.join(jobDir(jobId), `attempt-${attempt}.log`);
  const workerDir = (workerId: number): string => path.join(paths.workersDir, String(workerId));
  const containerDir = (workerId: number): string => path.join(paths.runDir, `c${workerId}`);
  const exchangeDir = (workerId: number): string => path.join(paths.workersDir, `${workerId}.files`);
  const terminalDir = (workerId: number): string =>
    path.join(servesMany ? sharedRunDir(paths) : paths.runDir, `t${workerId}`);
  const workerSocket = (workerId: number): string =>
    path.join(servesMany ? sharedSocketsDir(paths) : paths.runDir, `w${workerId}.sock`);
  return {
    jobDir,
    attemptLog,
    jobLog: (jobId) => attemptLog(jobId, Math.max(1, attemptsOf(jobId))),
    jobOutputDir: (jobId) => path.join(jobDir(jobId), "output"),
    workerDir,
    daemonLog: paths.daemonLog,
    workerLog: (workerId) => path.join(paths.workersDir, `${workerId}.log`),
    paramsFile: (workerId) => path.join(paths.workersDir, `${workerId}.params.json`),
    eventsFile: (workerId) => path.join(paths.workersDir, `${workerId}.events`),
    workerSocket,
    containerDir,
    containerSocket: (workerId) => path.join(containerDir(workerId), "io", "s"),
    exchangeDir,
    terminalDir,
    terminalSocket: (workerId) => path.join(terminalDir(workerId), "tty"),
    contactFile: (workerId) => path.join(paths.workersDir, `${workerId}.contact.json`),
    leftovers: (workerId) => [
      workerDir(workerId),
      path.join(paths.workersDir, `${workerId}.params.json`),
      path.join(paths.workersDir, `${workerId}.events`),
      path.join(paths.workersDir, `${workerId}.contact.json`),
      containerDir(workerId),
      exchangeDir(workerId),
    ],
    leftSockets: (workerId) => [
      workerSocket(workerId),
      path.join(terminalDir(workerId), "tty"),
      terminalDir(workerId),
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
